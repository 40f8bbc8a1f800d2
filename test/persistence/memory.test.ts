import { memoryStores } from "../../src/persistence/memory/memory-stores.ts";
import { storesConformance } from "../conformance/stores.ts";

storesConformance("memory", async (options) => memoryStores(options));
