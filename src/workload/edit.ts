import { parseReference } from '../image/parse-reference.ts';
import { isRecord, joinPointer, readString, type Pointer } from '../text/json.ts';
import type { Workload } from './workload.ts';

/**
 * One operation of a JSON Patch (RFC 6902), as the API server applies it. `add` sets a member, whether it is there or not,
 * or with the last segment `-` appends to a list; `replace` sets one that is there.
 */
export type Edit = Readonly<{ op: 'add' | 'replace'; path: Pointer; value: unknown }>;

/**
 * What a workload is after fixes that rules make: another address in the place of an image, and pull secrets at the end of its
 * list. An edit of anything else, or of another pod spec, leaves it as it is.
 */
export function editWorkload(workload: Workload, edits: readonly Edit[]): Workload {
  const list = joinPointer(workload.podSpec, 'imagePullSecrets');
  const addresses = new Map<string, string>();
  const added: string[] = [];
  for (const { path, value } of edits) {
    if (path === list && Array.isArray(value)) added.push(...value.map((each) => readString(each, 'name')));
    else if (path === `${list}/-` && isRecord(value)) added.push(readString(value, 'name'));
    else if (typeof value === 'string') addresses.set(path, value);
  }
  return {
    ...workload,
    images:
      addresses.size === 0
        ? workload.images
        : workload.images.map((image) => {
            const written = addresses.get(image.pointer);
            return written === undefined ? image : { ...image, written, parsed: parseReference(written) };
          }),
    pullSecrets: added.length === 0 ? workload.pullSecrets : [...workload.pullSecrets, ...added],
    hasPullSecretList: workload.hasPullSecretList || added.length > 0,
  };
}
