/**
 * Mints a device's credential, as a product's own back end does at its users' login.
 *
 *     HERALD_AUTH_SECRET=<the node's secret> npx node examples/token.ts ann [device]
 *
 * The node must have been started with the same HERALD_AUTH_SECRET (or `auth.secret`); without one
 * it makes its own and shows it to nobody, and `./herald token create --user ann` mints tokens.
 * The node knows the user from `sub` and nowhere else; with `dev` only that device may log in.
 */
import { SignJWT } from "jose";

const secret = process.env["HERALD_AUTH_SECRET"] ?? "";
const [user, device] = process.argv.slice(2);
if (user === undefined || secret.length < 32) {
  console.error("usage: HERALD_AUTH_SECRET=<32 bytes or more> npx node examples/token.ts <user>");
  process.exit(2);
}

const token = await new SignJWT(device === undefined ? {} : { dev: device })
  .setProtectedHeader({ alg: "HS256" })
  .setSubject(user)
  .setIssuedAt()
  .setExpirationTime("1h")
  .sign(new TextEncoder().encode(secret));
console.log(token);
