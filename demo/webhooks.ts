import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Endpoint } from './pullguard.ts';
import type { ReviewRequest } from './reviews.ts';

type Rule = Readonly<{ apiGroups: string[]; resources: string[]; operations: string[] }>;
type Webhook = Readonly<{ name: string; rules: readonly Rule[] }>;

const WEBHOOKS: Readonly<Record<Endpoint, Webhook>> = {
  mutate: readWebhook('mutating-webhook.yaml'),
  validate: readWebhook('validating-webhook.yaml'),
};

/** The name that the API server gives in a denial. */
export const VALIDATOR = WEBHOOKS.validate.name;

/** Whether an API server with the manifests of this project applied sends a request to an endpoint. */
export function isSentTo(endpoint: Endpoint, { resource, subResource, operation }: ReviewRequest): boolean {
  const name = (subResource ?? '') === '' ? resource.resource : `${resource.resource}/${subResource ?? ''}`;
  return WEBHOOKS[endpoint].rules.some(
    ({ apiGroups, resources, operations }) =>
      apiGroups.includes(resource.group) && resources.includes(name) && operations.includes(operation),
  );
}

function readWebhook(file: string): Webhook {
  const text = readFileSync(new URL(`../manifests/base/${file}`, import.meta.url), 'utf8');
  const [webhook] = (parse(text) as { webhooks: [Webhook] }).webhooks;
  return webhook;
}
