// Ask iam-simulate (an npm package) for its verdict on every case of standard input; see README.md.
import { createInterface } from "node:readline";
import { anonymousPrincipal, runSimulation } from "@cloud-copilot/iam-simulate";

// It knows no key with a variable part after a colon: the encryption context is asked for under another key of KMS.
const UNKNOWN = "kms:EncryptionContext:aws:s3:arn";
const STAND_IN = "kms:RequestAlias";

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line.replaceAll(UNKNOWN, STAND_IN));
  const answer = await runSimulation(
    {
      request: {
        principal: asked.principal ?? anonymousPrincipal,
        action: asked.action,
        resource: { resource: asked.resource, accountId: asked.account },
        contextVariables: asked.context,
      },
      identityPolicies: asked.identity.map((policy, number) => ({ name: `policy-${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: asked.policy ?? undefined,
    },
    {},
  );
  if (answer.resultType !== "single") {
    console.error(asked.name, JSON.stringify(answer.errors ?? answer.resultType));
    process.exitCode = 1;
    continue;
  }
  console.log(JSON.stringify({ ...JSON.parse(line), allowed: answer.overallResult === "Allowed" }));
}
