import { conditionSchema } from "../../core/condition.ts";
import { request } from "./schemas.ts";

/** A condition in a request. Every problem has the path of its field. */
export const condition = request(
  "Condition",
  conditionSchema.meta({
    description:
      "Who: `{all: [...]}`, `{any: [...]}`, `{not: ...}`; tests of an attribute (or `id`, " +
      "`locale`, `timeZone`) `{attr, eq | ne | lt | lte | gt | gte | in | between | prefix | " +
      "pattern | exists}`; `{tag}`, `{anyTag: [...]}`; `{lastSeen: {within: `7d`} | {before} | " +
      "{after}}`; `{audience: id}`; `{sample: per cent, salt}`.",
    examples: [{ all: [{ attr: "plan", eq: "pro" }, { lastSeen: { within: "30d" } }] }],
  }),
);
