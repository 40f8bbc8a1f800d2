/** What shows each feature and the absence of each weakness of the replaced device proxy. */

/** Titles of tests by their file, below `test/`; titles of `test.each` as they are written. */
export type ShownBy = Readonly<Record<string, readonly string[]>>;

export interface Claim {
  /** The number of the weakness that this is one claim of. */
  readonly weakness: number;
  /** What was wrong. */
  readonly was: string;
  readonly shownBy: ShownBy;
}

const FEATURES_FILE = "seed/features.test.ts";
const CLASSIC_UDP = "gateways/classic/udp.test.ts";
const UDP = "gateways/udp/weaknesses.test.ts";
const HERE = "seed/weaknesses.test.ts";

/** The rows of the table, each with a test of its name. */
export const FEATURES: Readonly<Record<string, ShownBy>> = {
  "WS login, heartbeat, kick": {
    [FEATURES_FILE]: [
      "feature 'WS login, heartbeat, kick': a phone is let in, alive, and told to go",
    ],
    "gateways/classic/login.test.ts": [
      "each thing that is wrong with a log-in has its byte, and ends the connection",
    ],
  },
  "UDP session/register/login/rename/heartbeat": {
    "gateways/udp/session.test.ts": [
      "feature 'UDP session/register/login/rename/heartbeat': commands are served",
    ],
    [CLASSIC_UDP]: [
      "a board opens a session, registers, logs in, and is told its heartbeat",
      "a datagram that is repeated gets the same bytes, and is done once",
    ],
  },
  "Binary frame codec + CRC-8": {
    [FEATURES_FILE]: [
      "feature 'Binary frame codec + CRC-8': what is whole passes, and nothing else",
    ],
    "gateways/classic/vectors.test.ts": ["refuse $name when any bit of it is turned"],
  },
  "Routing phone↔board, broadcast, family sharing": {
    "process/relations.test.ts": [
      "Routing phone↔board, broadcast, family sharing: a family shares its boards",
    ],
  },
  "15 phones per user / multi-login (Gree) / single login (dev)": {
    [FEATURES_FILE]: [
      "feature '15 phones per user / multi-login (Gree) / single login (dev)': chosen",
    ],
  },
  "Online/offline events": {
    [FEATURES_FILE]: ["feature 'Online/offline events': each once, to whom it concerns"],
    "actors/user/presence.test.ts": [
      "it is announced without any pause",
      "flapping is held until it is over, and then told only if it changed anything",
    ],
    "actors/user/looking.test.ts": [
      "a phone is told which of its boards are online, and when the others last were",
    ],
  },
  "Msgbus cluster routing": {
    [FEATURES_FILE]: ["feature 'Msgbus cluster routing': no route is lost or doubled by who moves"],
  },
  "Upload queue with topic per msg id": {
    "process/uploads.test.ts": [
      "Upload queue with topic per msg id: each consumer takes the kinds it wants",
    ],
  },
  "Service discovery + health": {
    [FEATURES_FILE]: ["feature 'Service discovery + health': probes tell, and who stops says so"],
  },
  "Push from back end": {
    [FEATURES_FILE]: ["feature 'Push from back end': a result for each, and what became of each"],
  },
  "Bind/unbind live update": {
    "process/relations.test.ts": [
      "Bind/unbind live update: phone and board reach each other at once",
    ],
  },
  "UDP address lookup for P2P": {
    "process/udp.test.ts": [
      "feature 'UDP address lookup for P2P': a board and a phone are introduced",
    ],
  },
  "Status console": {
    [FEATURES_FILE]: ["feature 'Status console': counters, actors and a page for people"],
    "e2e/status.test.ts": [
      "shows devices as they come, what they get, actors and the configuration",
    ],
  },
  "HTTP platform": {
    [FEATURES_FILE]: ["feature 'HTTP platform': register, log in, bind in, bind out, list devices"],
    "process/platform.test.ts": [
      "feature 'HTTP platform': a service decides about all devices, and says why not",
      "a service in trouble lets nobody in, and devices are told when to come again",
      "a service that is down is left alone, and devices come in when it is back",
    ],
  },
};

/** The numbered weaknesses, each split into the single things that were wrong. */
export const WEAKNESSES: readonly Claim[] = [
  {
    weakness: 1,
    was: "an upload of a board crashed what it went through",
    shownBy: {
      "process/uploads.test.ts": [
        "weakness 1: an upload of a board reaches the back end, and everything goes on",
      ],
    },
  },
  {
    weakness: 1,
    was: "states and alarms over UDP had no source and vanished",
    shownBy: {
      [HERE]: ["weakness 1: states and alarms of a board over UDP reach the back end, from it"],
      [CLASSIC_UDP]: ["weakness 1: a state over UDP is in the outbox before it is acknowledged"],
    },
  },
  {
    weakness: 2,
    was: "a server that left kept a lock, and pushes hung",
    shownBy: { [UDP]: ["weakness 2: boards that leave while they are pushed to hold nobody up"] },
  },
  {
    weakness: 2,
    was: "a broadcast to several boards over UDP had no ids",
    shownBy: {
      [UDP]: ["weakness 2: a message to all boards over UDP comes to each, or to none"],
      [CLASSIC_UDP]: [
        "weakness 2 and 3: one phone, and each of several boards, gets what is for it",
      ],
    },
  },
  {
    weakness: 2,
    was: "a push crashed when nobody was connected over UDP",
    shownBy: { [UDP]: ["weakness 2: a message to all boards over UDP comes to each, or to none"] },
  },
  {
    weakness: 3,
    was: "one specific phone was never reached over UDP",
    shownBy: {
      [UDP]: ["weakness 3: no id is special: %s is pushed to as any other"],
      [CLASSIC_UDP]: [
        "weakness 2 and 3: one phone, and each of several boards, gets what is for it",
      ],
      "gateways/websocket/routing.test.ts": [
        "weakness 3: every id is reached, whatever number or text it is",
      ],
    },
  },
  {
    weakness: 3,
    was: "the payload of a status message began a byte off",
    shownBy: {
      "gateways/classic/vectors.test.ts": ["hold the status event $type"],
      "gateways/classic/websocket.test.ts": [
        "who is put out hears why: a phone by a message, and by the close code",
      ],
    },
  },
  {
    weakness: 3,
    was: "a board without a name could not register",
    shownBy: { [UDP]: ["weakness 3: a board registers without a name"] },
  },
  {
    weakness: 4,
    was: "a wrong length of a UDP body ended the process",
    shownBy: {
      [UDP]: ["weakness 4: no length of any packet stops the node or the sessions of others"],
      [CLASSIC_UDP]: [
        "weakness 4: any body length of any command is answered, and nothing crashes",
      ],
    },
  },
  {
    weakness: 4,
    was: "a table of UDP sessions was changed by several at once",
    shownBy: {
      [FEATURES_FILE]: [
        "feature 'Msgbus cluster routing': no route is lost or doubled by who moves",
      ],
      "gateways/websocket/parts.test.ts": [
        "a roster keeps its order and its size under random comings and goings",
      ],
    },
  },
  {
    weakness: 4,
    was: "several wrote to one socket at once, and frames were mixed",
    shownBy: {
      [HERE]: ["weakness 4: what many write to one device at once comes whole, frame by frame"],
    },
  },
  {
    weakness: 4,
    was: "a connection that was never there was counted as one",
    shownBy: {
      "gateways/websocket/negotiation.test.ts": [
        "refused upgrades leave nothing behind that counts",
      ],
    },
  },
  {
    weakness: 5,
    was: "slots of a user's phones leaked, until it was locked out",
    shownBy: {
      "gateways/classic/login.test.ts": [
        "weakness 5: fifteen phones of a user are let in, and who leaves makes room",
        "weakness 5: phones that say nothing any more make room, too",
      ],
      "actors/user/login-policy.test.ts": [
        "weakness 5: slots of dead connections free themselves when they are needed",
        "weakness 5: slots of dead connections are free once their grace is over, too",
      ],
      "process/login-slots.test.ts": [
        "weakness 5: a node that is killed leaves no slot of a user taken",
      ],
    },
  },
  {
    weakness: 5,
    was: "news of bindings that got lost left stale routes",
    shownBy: {
      "actors/session/routing.test.ts": ["a change of relations holds from the next message on"],
      "actors/relations/desk.test.ts": [
        "a reach that could not be read comes when the store is back",
      ],
      "process/relations.test.ts": [
        "a kill -9 loses no answered change, and tells each that was made exactly once",
      ],
    },
  },
  {
    weakness: 5,
    was: "an error ended a subscription in silence",
    shownBy: {
      "actors/session/subscriptions.test.ts": [
        "a topic that crashes is subscribed to again, and the loss is said",
      ],
    },
  },
  {
    weakness: 6,
    was: "one secret for all, in the source",
    shownBy: {
      [HERE]: ["weakness 6: no secret is shared: each installation makes or is given its own"],
    },
  },
  {
    weakness: 6,
    was: "a log-in that was overheard was good for a minute",
    shownBy: {
      "gateways/classic/login.test.ts": [
        "weakness 6: an overheard log-in is refused, within the minute and after",
      ],
      [UDP]: ["weakness 6: a recorded conversation is worth nothing, now or after a restart"],
    },
  },
  {
    weakness: 6,
    was: "a timestamp of 0 was never checked",
    shownBy: {
      "gateways/classic/login.test.ts": [
        "each thing that is wrong with a log-in has its byte, and ends the connection",
        "a device without a clock is let in where that is configured",
      ],
    },
  },
  {
    weakness: 6,
    was: "there was no TLS",
    shownBy: {
      "gateways/tls.test.ts": [
        "weakness 6: with a certificate all speak TLS, and nothing else is answered",
      ],
    },
  },
  {
    weakness: 6,
    was: "payloads went over the wire as they were",
    shownBy: { [UDP]: ["weakness 6: nothing of a device's frames can be read on the wire"] },
  },
  {
    weakness: 6,
    was: "the session id was the only credential over UDP",
    shownBy: {
      "gateways/udp/handshake.test.ts": [
        "alone is no credential: what is not sealed with its key changes nothing",
      ],
      [CLASSIC_UDP]: ["weakness 6: a session is no other board's, and a cookie no other board's"],
    },
  },
  {
    weakness: 6,
    was: "the session id was an address in the memory of the process",
    shownBy: {
      [UDP]: ["weakness 6: a session id is chance, and says nothing of the process"],
    },
  },
  {
    weakness: 7,
    was: "more could come in than could go out, and the rest was dropped",
    shownBy: {
      "gateways/websocket/routing.test.ts": [
        "weakness 7: the largest frame that may come in goes out whole, both ways",
      ],
      [UDP]: ["weakness 7: a push too large for UDP is told of, and comes over WebSocket"],
      "actors/session/routing.test.ts": [
        "weakness 7: who floods is told so, and fills nobody's mailbox unnoticed",
      ],
    },
  },
  {
    weakness: 7,
    was: "nothing was acknowledged, sent again, or kept for who was away",
    shownBy: {
      [UDP]: ["weakness 7: what is pushed to a device that is away waits for it"],
      [CLASSIC_UDP]: ["a push stays in the inbox until the board has acknowledged it"],
    },
  },
  {
    weakness: 7,
    was: "one host alone pushed, and all depended on it",
    shownBy: {
      [HERE]: ["weakness 7: all gateways of a node push, and nothing says which one may"],
      "process/udp.test.ts": [
        "a board learns that its node was killed, and gets what waited from the next",
      ],
    },
  },
  {
    weakness: 7,
    was: "who that host was had to be set by hand",
    shownBy: {
      [HERE]: ["weakness 7: all gateways of a node push, and nothing says which one may"],
    },
  },
  {
    weakness: 7,
    was: "what was gone was noticed only when TCP said so",
    shownBy: {
      "gateways/websocket/silence.test.ts": [
        "is asked, ended with 4104 within five seconds of its heartbeat, and resumed",
      ],
      "gateways/udp/session.test.ts": [
        "ends the channel within 3 s of the heartbeat; the session waits for another",
      ],
    },
  },
];
