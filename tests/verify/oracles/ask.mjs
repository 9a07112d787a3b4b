// Reads questions, one JSON object a line, and answers each with one line of JSON: what the vendor's library says.
import https from "node:https";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import { sign, verify } from "@octokit/webhooks-methods";
import sendgrid from "@sendgrid/eventwebhook";
import { verifyKey } from "discord-interactions";
import SnsValidator from "sns-validator";
import { Webhook } from "svix";

const answers = {
  "github-sign": ({ secret, body }) => sign(secret, body),
  "github-verify": ({ secret, body, signature }) => verify(secret, body, signature),
  "svix-sign": ({ secret, id, now, body }) => new Webhook(secret).sign(id, new Date(now * 1000), body),
  "svix-verify": ({ secret, headers, body }) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  },
  "sendgrid-verify": ({ key, body, signature, timestamp }) => {
    const library = new sendgrid.EventWebhook();
    return library.verifySignature(library.convertPublicKeyToECDSA(key), body, signature, timestamp);
  },
  "discord-verify": ({ key, body, signature, timestamp }) => verifyKey(body, signature, timestamp, key),
  "sns-verify": ({ message, certificate }) => {
    // The library fetches the certificate itself: here it gets the one of the test.
    https.get = (_url, got) => {
      got(Object.assign(Readable.from([certificate]), { statusCode: 200 }));
      return { on: () => undefined };
    };
    return new Promise((done) => new SnsValidator().validate(message, (error) => done(!error)));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  console.log(JSON.stringify(await answers[question.ask](question)));
}
