/**
 * The node of a verification: a real one in a process of its own, which is there to be broken.
 *
 * It differs from `herald start` in what it can be told: to throw into its own actors. The sink
 * is known to it as three webhooks: `plain`; `keyed`, which knows repeated keys; and `receipted`,
 * which tells later what became of messages.
 */
import { newMaster } from "../../actors/master/master.ts";
import { parseConfig } from "../../core/config.ts";
import { toRuntimeError } from "../../core/errors.ts";
import { type RunningNode, startNode } from "../../main.ts";
import { Faults } from "./faults.ts";
import { type FromNode, type NodeOptions, RECEIPT_WAIT_MS, type ToNode } from "./protocol.ts";

const FIGURES_MS = 50;

const options = JSON.parse(process.argv[2] ?? "") as NodeOptions;
process.umask(0o077);
const faults = new Faults(() => tellFigures());
let seconds = 0;

try {
  const node = await startNode(configOf(options), {
    sabotage: faults,
    onFailure: (error) => {
      process.stderr.write(`the node under test failed: ${String(error)}\n`);
      process.exit(1);
    },
  });
  process.on("message", (message: ToNode) => obey(message, node));
  say({ type: "serves", url: node.url, token: node.firstAdminToken });
  setInterval(tellFigures, FIGURES_MS);
} catch (thrown) {
  const { code, message } = toRuntimeError(thrown);
  say({ type: "refused", code, message });
}
// The one who started it is gone.
process.on("disconnect", () => process.exit(0));

function configOf({ dataDir, leaseMs, sinkUrl, secret }: NodeOptions) {
  const webhook = (name: string) => ({ name, url: sinkUrl + name, secrets: [secret] });
  const file = {
    node: { name: "verified", dataDir },
    listen: { port: 0 },
    log: { level: "warn" },
    campaign: { leaseMs, receiptWaitMs: RECEIPT_WAIT_MS },
    providers: {
      webhook: [
        webhook("plain"),
        { ...webhook("keyed"), keyTtlMs: 3_600_000 },
        { ...webhook("receipted"), receipts: true },
      ],
    },
  };
  return parseConfig(file, {});
}

function obey(message: ToNode, node: RunningNode): void {
  if (message.type === "throw") return faults.arm(message.part);
  const type = faults.masterType;
  if (type === undefined) throw new Error("the campaigns are not open");
  seconds += 1;
  // Without its kind, so that nobody who looks for the campaign's master finds this one.
  const { kind: _, ...second } = type;
  const name = `second-${seconds}-${message.campaign}`;
  node.system.spawn(second, { name, state: newMaster(message.campaign) });
}

function tellFigures(): void {
  say({ type: "figures", operations: faults.operations, thrown: faults.thrown });
}

function say(message: FromNode): void {
  if (process.connected) process.send?.(message);
}
