/** A browser of a member's that takes web push: what its `PushSubscription` says of it. */
export interface Subscription {
  readonly member: string;
  /** Where messages for it go; whoever knows it and the VAPID key can send to it. */
  readonly endpoint: string;
  /** Its public key: an uncompressed point on P-256, 65 bytes in base64url. */
  readonly p256dh: string;
  /** What it shares with its senders: 16 bytes in base64url. */
  readonly auth: string;
  readonly at: number;
}

/** Browsers that take web push, by the members they belong to. */
export interface SubscriptionStore {
  /**
   * Adds one, or takes over the one of the same endpoint: a browser belongs to whoever used it
   * last. Of a member's more than `perMemberMax` the oldest are forgotten. Durable when it
   * resolves.
   */
  subscribe(subscription: Subscription, perMemberMax: number): Promise<void>;
  /**
   * Those of these members whose endpoint is not suppressed, by member in no order, and of one
   * member the newest first.
   */
  ofMembers(members: readonly string[]): Promise<readonly Subscription[]>;
  /** Forgets these endpoints, whose ever they are; returns how many there were. */
  unsubscribe(endpoints: readonly string[]): Promise<number>;
  /** Forgets all of a member; returns how many there were. */
  forgetMember(member: string): Promise<number>;
}
