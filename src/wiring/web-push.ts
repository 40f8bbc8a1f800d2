import { systemClock } from "../core/clock.ts";
import { newVapidKeys, type VapidKeys, vapidKeysOf } from "../core/web-push.ts";
import { type WebPushProvider, webPushProvider } from "../providers/web-push/web-push.ts";
import type { Base } from "./base.ts";

/** The secret that is kept when the configuration has no key of its own. */
const SECRET = "vapid";

/** Web push and the key that pages subscribe with; undefined when it is not configured. */
export async function openWebPush({ config, stores }: Base) {
  const settings = config.providers.webPush;
  if (settings === undefined) return undefined;
  const keys = await keysOf(settings.privateKey, stores);
  const { subscriptions } = stores;
  const provider: WebPushProvider = webPushProvider({
    ...{ settings, keys, subscriptions, clock: systemClock },
  });
  return { provider, publicKey: keys.publicKey, ratePerSecond: settings.ratePerSecond };
}

/** Who loses the key loses all subscriptions: one that is made is kept with the data. */
async function keysOf(given: string | undefined, stores: Base["stores"]): Promise<VapidKeys> {
  const fresh = (): Uint8Array => Buffer.from(newVapidKeys().privateKey, "base64url");
  const privateKey =
    given ?? Buffer.from(await stores.credentials.secret(SECRET, fresh())).toString("base64url");
  const keys = vapidKeysOf(privateKey);
  if (keys === undefined) throw new Error("the VAPID key that is kept is none");
  return keys;
}
