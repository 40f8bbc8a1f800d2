import type { CloseReason, SessionView } from "../../../actors/session/messages.ts";
import type { ChronicleEvent, Noted, Origin, Settled } from "../../../core/chronicle.ts";
import { ERRORS } from "../../../core/errors.ts";
import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import type { Departure } from "../../websocket/counts.ts";

/** An event in words for people. */
export function eventWords(event: ChronicleEvent): string {
  const { device } = event;
  switch (event.type) {
    case "connected": {
      const goesOn = event.resumed ? ", and its session went on" : "";
      return `${device} connected${fromWords(event.from)}${goesOn}`;
    }
    case "refused": {
      const who = event.isStranger === true ? `somebody who said to be ${device}` : device;
      return `${who} was not let in${fromWords(event.from)}: ${whyWords(event)}`;
    }
    case "closed": {
      const told = event.message === undefined ? "" : `: ${event.message}`;
      return `the connection of ${device} ended: ${closeWords(event.reason)}${told}`;
    }
    case "ended":
      return `the session of ${device} ended; what it had not confirmed waits in the inbox`;
    case "request-failed":
      return `a request of ${device} was refused: ${whyWords(event)}`;
  }
}

/** What is to be said in a sentence: who is there, or since when nobody is and why. */
export function presenceWords(
  sessions: readonly SessionView[],
  events: readonly Noted[],
  lastSeen: number | undefined,
): string {
  const here = sessions.filter(({ connection }) => connection !== undefined);
  if (here.length > 0) {
    const each = here.map(({ device, connection }) => {
      return `${device}${fromWords(connection!.from)} since ${instant(connection!.since)}`;
    });
    return `Connected: ${each.join("; ")}.`;
  }
  const last = events.findLast(({ type }) => type !== "request-failed" && type !== "ended");
  const why = last === undefined ? "" : ` At ${instant(last.at)} ${sentence(eventWords(last))}`;
  if (lastSeen === undefined && last === undefined)
    return "Not connected, and not known to have been here.";
  const seen = lastSeen === undefined ? "" : ` It was last here at ${instant(lastSeen)}.`;
  const waits = sessions.length > 0 ? " Its session waits for it to come back." : "";
  return `Not connected.${seen}${why}${waits}`;
}

/** Advice ends with a full stop of its own. */
function sentence(words: string): string {
  return words.endsWith(".") ? words : `${words}.`;
}

/** What a message waits for. */
export function waitingWords(
  { offset, ack, expiresAt }: { offset: number; ack: boolean; expiresAt: number },
  sessions: readonly SessionView[],
): string {
  const until = `until ${instant(expiresAt)}`;
  const here = sessions.filter(({ connection }) => connection !== undefined);
  if (here.length === 0) return `waits for a device to connect, ${until}`;
  const had = here.filter(({ given }) => given >= offset).map(({ device }) => device);
  if (had.length > 0 && ack)
    return `was sent to ${had.join(", ")}; waits to be confirmed, ${until}`;
  return `waits behind earlier messages, ${until}`;
}

/** What has become of everything that does not wait. */
export function settledWords({ head, forgotten }: { head: number; forgotten: number }): string {
  if (head === 0) return "No message was ever recorded.";
  const lost =
    forgotten === 0
      ? "none was let go without a confirmation, but for those that expired"
      : `the last that was let go without a confirmation is ${forgotten}`;
  return `Messages 1 to ${head} were recorded; ${lost}. Those that do not wait are settled.`;
}

/** How a message of the inbox ended, as the session of this device saw it. */
export function endWords({ offset, outcome }: Settled, device: string): string {
  const words: Readonly<Record<string, string>> = {
    acked: `was confirmed by ${device}`,
    delivered: `was written to ${device}, and asked for no confirmation`,
    expired: `expired before ${device} took it`,
  };
  return `message ${offset} ${words[outcome] ?? outcome}`;
}

export function outcomeWords(outcome: string | undefined, at: number | undefined): string {
  if (outcome === undefined || at === undefined) return "waits for a device or its confirmation";
  return `${OUTCOMES[outcome] ?? outcome} at ${instant(at)}`;
}

const OUTCOMES: Readonly<Record<string, string>> = {
  acked: "was confirmed by a device",
  delivered: "was written to a device, and asked for no confirmation",
  expired: "expired before a device took it",
  shed: "was given up: the inbox was full, or it was refused",
  unknown: "is in doubt after a crash",
};

function fromWords(from: Origin | undefined): string {
  return from === undefined ? "" : ` over ${from.transport} from ${from.address}`;
}

function whyWords({ code, message }: { code: string; message: string }): string {
  const advice = code in ERRORS ? ` ${ERRORS[code as keyof typeof ERRORS].advice}` : "";
  return `${message} (${code}).${advice}`;
}

function closeWords(reason: string): string {
  const code = reason in CLOSE_CODES ? CLOSE_CODES[reason as keyof typeof CLOSE_CODES] : undefined;
  const words = reason in REASONS ? REASONS[reason as keyof typeof REASONS] : reason;
  return code === undefined ? words : `${words} (${reason}, close code ${code})`;
}

/** How a device or the network ends a connection, and what the server's reasons mean. */
const REASONS: Readonly<Record<CloseReason | Departure, string>> = {
  "good-bye": "the device said good-bye",
  "going-away": "the device's program or page was closed",
  lost: "the network lost it",
  other: "the device closed it in an unusual way",
  busy: "the node had no room",
  "credential-expired": "the credential expired",
  draining: "the node sent its devices away, or stopped",
  "heartbeat-lost": "nothing was heard of the device for too long",
  "hello-timeout": "the device did not log in in time",
  internal: "something failed in the node: its log has the cause",
  "invalid-frame": "the device sent something that is no frame",
  kicked: "it was ended on purpose",
  lifetime: "the connection was as old as connections may get",
  redirect: "the node sent its devices elsewhere",
  replaced: "another connection took its place",
  slow: "the device did not read fast enough",
  "too-fast": "the device sent too much",
  "too-large": "the device sent a frame that is too large",
  "too-many-sessions": "as many devices were logged in as may be",
  unauthorized: "the credential was not accepted",
};

function instant(at: number): string {
  return new Date(at).toISOString();
}
