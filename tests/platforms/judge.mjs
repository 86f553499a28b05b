// An authorization server by the book (oidc-provider), which rotates refresh tokens strictly:
// one that comes again revokes all that was granted. It says on its output what happened.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import Provider from "oidc-provider";

const { client, redirect, scope, delay } = JSON.parse(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        ...client,
        redirect_uris: [redirect],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    scopes: scope.split(" "),
    cookies: { keys: ["loopback"] },
    features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 600, IdToken: 3600 },
  });
  // So that those who do not take turns meet.
  provider.use(async (context, next) => {
    if (context.path === "/token") await sleep(delay);
    await next();
  });
  provider.on("grant.success", ({ oidc }) => say({ event: oidc.params.grant_type }));
  provider.on("grant.error", (_, error) => say({ event: "refused", why: error.error_description ?? error.error, detail: error.error_detail }));
  provider.on("grant.revoked", () => say({ event: "revoked" }));
  server.on("request", provider.callback());
  say({ event: "serving", url: issuer });
});
