import { defineConfig } from "tsdown";

export default defineConfig({
  cwd: import.meta.dirname,
  entry: "src/index.ts",
  format: "esm",
  platform: "neutral",
  target: "es2022",
  outDir: "dist",
  dts: { oxc: true },
  minify: true,
  sourcemap: false,
  fixedExtension: false,
});
