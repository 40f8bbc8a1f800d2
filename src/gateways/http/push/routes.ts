import {
  addConstraint,
  commandConstraint,
  getConstraint,
  listConstraints,
  loadConstraint,
  startConstraint,
  updateConstraint,
} from "./constraints.ts";
import {
  addProject,
  commandProject,
  getProject,
  listProjects,
  startProject,
  updateProject,
} from "./projects.ts";
import type { PushRoute } from "./route.ts";
import { deleteTarget, getTarget, listTargets, listTargetsOf } from "./targets.ts";

const change = (path: `/${string}`, handle: PushRoute["handle"]): PushRoute => ({
  path,
  role: "operator",
  action: `push${path.replaceAll("/", ".")}`,
  handle,
});

const look = (path: `/${string}`, handle: PushRoute["handle"]): PushRoute => ({
  path,
  role: "viewer",
  handle,
});

/** The routes of the interface that Herald replaces; docs/push-compat.md explains them. */
export const PUSH_ROUTES: readonly PushRoute[] = [
  change("/constraint/add", addConstraint),
  change("/constraint/update", updateConstraint),
  look("/constraint/get", getConstraint),
  look("/constraint/list", listConstraints),
  change("/constraint/load_from_file", loadConstraint),
  change("/constraint/start", startConstraint),
  change("/constraint/stop", commandConstraint("stop")),
  change("/constraint/pause", commandConstraint("pause")),
  change("/constraint/proceed", commandConstraint("resume")),
  change("/project/add", addProject),
  change("/project/update", updateProject),
  look("/project/get", getProject),
  look("/project/list", listProjects),
  change("/project/start", startProject),
  change("/project/stop", commandProject("stop")),
  change("/project/pause", commandProject("pause")),
  change("/project/proceed", commandProject("resume")),
  look("/target/get", getTarget),
  look("/target/list", listTargets),
  look("/target/list_by_cid", listTargetsOf),
  change("/target/delete", deleteTarget),
];
