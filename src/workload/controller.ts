import { groupOf } from './kinds.ts';
import { readPath, readString } from '../text/json.ts';

/** The object that made another one and looks after it. Texts are empty where its reference leaves them out. */
export type Controller = Readonly<{ apiVersion: string; group: string; kind: string; name: string; uid: string }>;

/** The one owner of an object that looks after it, if it has one: of a pod its ReplicaSet. */
export function findController(object: unknown): Controller | undefined {
  const owners = readPath(object, 'metadata', 'ownerReferences');
  if (!Array.isArray(owners)) return undefined;
  const found: unknown = owners.find((owner) => readPath(owner, 'controller') === true);
  if (found === undefined) return undefined;
  const apiVersion = readString(found, 'apiVersion');
  const [kind, name, uid] = [readString(found, 'kind'), readString(found, 'name'), readString(found, 'uid')];
  return { apiVersion, group: groupOf(apiVersion), kind, name, uid };
}
