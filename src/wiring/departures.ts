import type { Problem } from "../core/errors.ts";
import type { HttpPorts } from "../gateways/http/api.ts";
import type { WebSocketGateway } from "../gateways/websocket/gateway.ts";

const DRAINING: Problem = {
  path: "draining",
  expected: "a node that takes devices",
  got: "one that sends them away: DELETE /v1/node/drain ends that",
};

/** Lets operators empty this node, and says that it is not ready meanwhile. */
export function openDepartures(
  sessions: WebSocketGateway,
): Pick<HttpPorts, "departures" | "notReady"> {
  const { departures } = sessions;
  return {
    departures: {
      redirect(to) {
        const { connections } = sessions;
        departures.redirect(to);
        return connections;
      },
      resume() {
        departures.resume();
        return sessions.connections;
      },
    },
    notReady: () => (departures.isDraining ? [DRAINING] : []),
  };
}
