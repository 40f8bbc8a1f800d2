import type { Route } from "./route.ts";
import { audienceRoutes } from "./routes/audiences.ts";
import { banRoutes } from "./routes/bans.ts";
import { boardRoutes } from "./routes/boards.ts";
import { browserRoutes } from "./routes/browsers.ts";
import { campaignEditRoutes } from "./routes/campaign-edits.ts";
import { campaignRoutes } from "./routes/campaigns.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { drainRoutes } from "./routes/drain.ts";
import { familyRoutes } from "./routes/families.ts";
import { insightRoutes } from "./routes/insight.ts";
import { memberRoutes } from "./routes/members.ts";
import { messageRoutes } from "./routes/messages.ts";
import { nodeRoutes } from "./routes/node.ts";
import { peerRoutes } from "./routes/peers.ts";
import { providerRoutes } from "./routes/providers.ts";
import { reviewRoutes } from "./routes/review.ts";
import { statusRoutes } from "./routes/status.ts";
import { subDeviceRoutes } from "./routes/sub-devices.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { topicRoutes } from "./routes/topics.ts";
import { uploadRoutes } from "./routes/uploads.ts";
import { userRoutes } from "./routes/users.ts";

/** Everything that the admin API can do, in the order of its documents. */
export const ROUTES: readonly Route[] = [
  ...memberRoutes,
  ...browserRoutes,
  ...audienceRoutes,
  ...campaignRoutes,
  ...campaignEditRoutes,
  ...reviewRoutes,
  ...messageRoutes,
  ...uploadRoutes,
  ...deviceRoutes,
  ...topicRoutes,
  ...banRoutes,
  ...providerRoutes,
  ...boardRoutes,
  ...subDeviceRoutes,
  ...peerRoutes,
  ...familyRoutes,
  ...userRoutes,
  ...tokenRoutes,
  ...insightRoutes,
  ...statusRoutes,
  ...drainRoutes,
  ...nodeRoutes,
];
