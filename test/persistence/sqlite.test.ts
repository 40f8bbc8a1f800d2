import { openSqliteStores } from "../../src/persistence/sqlite/open-stores.ts";
import { storesConformance } from "../conformance/stores.ts";
import { dataFile } from "./data-folder.ts";

storesConformance("SQLite", (options) =>
  openSqliteStores({ file: dataFile(), synchronous: "normal", ...options }),
);
