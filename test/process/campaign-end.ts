import type { CampaignProgress } from "../../src/actors/master/messages.ts";

/** Opens a campaign's events; the result waits for its end in them. Start it in between. */
export async function followCampaign(url: string, token: string, id: string) {
  const events = await fetch(new URL(`/v1/campaigns/${id}/events`, url), {
    headers: { authorization: `Bearer ${token}` },
  });
  return () => endOf(events);
}

async function endOf(events: Response): Promise<CampaignProgress> {
  let text = "";
  for await (const piece of events.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const whole = text.split("\n\n");
    text = whole.pop()!;
    for (const event of whole) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data === undefined || !data.includes('"ledgerGap"')) continue;
      const progress = JSON.parse(data) as CampaignProgress;
      if (/finished|failed/.test(progress.state)) return progress;
    }
  }
  throw new Error("the events ended before the campaign");
}
