import type { Edit } from '../workload/json-patch.ts';
import { joinPointer } from '../text/json.ts';
import type { Workload } from '../workload/workload.ts';

/**
 * The edits that put pull secrets at the end of a pod's list, after what its author or its service account gave it. A list
 * that holds nothing is set whole: appending to one that is not there would fail the request. `inherited` are those that
 * then come first, as the pods of a template have them from their service account.
 */
export function addPullSecrets(
  { podSpec, hasPullSecretList }: Pick<Workload, 'podSpec' | 'hasPullSecretList'>,
  names: readonly string[],
  inherited: readonly string[] = [],
): readonly Edit[] {
  const list = joinPointer(podSpec, 'imagePullSecrets');
  return names.map((name, at) =>
    at === 0 && !hasPullSecretList
      ? { op: 'add', path: list, value: [...inherited, name].map((each) => ({ name: each })) }
      : { op: 'add', path: joinPointer(list, '-'), value: { name } },
  );
}
