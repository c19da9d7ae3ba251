import { DOCKER_HUB, formatReference, type ImageReference, splitDomain } from '../image/reference.ts';
import { CCE_SECRET } from '../image/swr.ts';
import { isSubdomain } from '../text/kubernetes-name.ts';

/** Who asked: the names of the pull secrets, and the one that the policy gives to such images. */
type Asker = Readonly<{ reference: ImageReference; secrets: readonly string[]; usualSecret?: string | undefined }>;

/** Where there are no credentials, or where nobody knows which of several were refused. */
export function adviseCredentials({ reference: { registry }, secrets, usualSecret = 'NAME' }: Asker): string {
  const isSwr = registry.startsWith('swr.') || usualSecret === CCE_SECRET;
  if (isSwr && !secrets.includes(CCE_SECRET)) {
    return `Name ${CCE_SECRET} in imagePullSecrets: CCE keeps it in every namespace for the SWR of its own region. For another region make one: ${createSecret('NAME', registry)}`;
  }
  const name = secrets.length > 0 ? 'NAME' : usualSecret;
  return `Make a secret in the pod's namespace and name it in imagePullSecrets: ${createSecret(name, registry)}`;
}

/** Of several secrets nobody knows which was refused, and the one of CCE is not for others to make again. */
export function adviseRefused(asker: Asker): string {
  const { reference, secrets, usualSecret = 'NAME' } = asker;
  const [only = usualSecret] = secrets;
  // A name may be any text until the API server has looked at it; what is to be copied into a shell must not be.
  const isOne = secrets.length < 2 && secrets.every((name) => isSubdomain(name));
  if (!isOne || only === CCE_SECRET) return adviseCredentials(asker);
  return `Make the pull secret again, in the pod's namespace and with the right user and password: kubectl -n NAMESPACE delete secret ${only} --ignore-not-found && ${createSecret(only, reference.registry)}`;
}

export function adviseRight(who: string, { registry, repository }: ImageReference): string {
  return `Give ${who} the right to pull ${repository} from ${registry} (in SWR a permission of the organization), or correct the address if there is no such repository.`;
}

/** @param tagged an image whose tag may be wrong; of a repository that is not there, tags are no help. */
export function adviseNotFound(tagged: ImageReference | undefined): string {
  const listTags =
    tagged === undefined || tagged.digest !== undefined
      ? ''
      : ` To see which tags there are: skopeo list-tags docker://${tagged.registry}/${tagged.repository}`;
  return `Correct the address, or push the image there. Some registries say the same to a user who may not see an image: then name a pull secret of one who may.${listTags}`;
}

export function adviseConvert({ registry, repository, tag = 'latest', digest }: ImageReference): string {
  const name = `docker://${registry}/${repository}`;
  const then = digest === undefined ? '' : ' and name the new digest';
  return `The registry works. Build the image again and push it${then}. Or have it converted: skopeo copy --format v2s2 ${name}${digest === undefined ? `:${tag}` : `@${digest}`} ${name}:${tag}`;
}

export function adviseUnknownCa(endpoint: string): string {
  const file = fileOf(hostOf(endpoint));
  // What follows the last command is a comment to a shell.
  return `Add the CA on each node that is to pull the image and does not know it, after a look at whether it is the right one; for pullguard itself, add it to the registry in the policy (probe.ca). On EulerOS and CentOS: ${fetchCa(endpoint, `/etc/pki/ca-trust/source/anchors/${file}.crt`)} && update-ca-trust && systemctl restart containerd # or docker. On Ubuntu: ${fetchCa(endpoint, `/usr/local/share/ca-certificates/${file}.crt`)} && update-ca-certificates && systemctl restart containerd # or docker.`;
}

export const OPEN_A_WAY =
  'To give nodes a way there, bind a public IP address (EIP) to each that is to pull the image, or a NAT gateway to their network. Or upload the image to SWR and pull it from there.';

/** True in a pod of the cluster and on the machine of a person. */
export const NODES_MAY_DIFFER =
  'Nodes may do better: pullguard asks from where it runs, with the DNS, routes and firewalls of that place, and through no proxy.';

export const LEAVE_OR_EXPAND =
  'On each of the nodes, clear images that are not needed: crictl images -v lists them, crictl rmi ID removes one (docker images and docker rmi on nodes with Docker; leave cce-pause alone, as no pod starts without it). Or expand the data disk: its capacity first, then on the node pvresize /dev/vdb, lvextend -l+100%FREE -n vgpaas/dockersys and resize2fs /dev/vgpaas/dockersys, or what lsblk shows there instead.';

export function pullByHand(reference: ImageReference): string {
  return `crictl pull ${formatReference(reference)} (docker pull on nodes with Docker)`;
}

/** Without the port. */
export function hostOf(endpoint: string): string {
  return splitDomain(endpoint).host;
}

/** Credentials for a host do not serve `host:443`: the server has to be as images write it. */
function createSecret(name: string, registry: string): string {
  const server = registry === DOCKER_HUB ? 'https://index.docker.io/v1/' : registry;
  return `kubectl -n NAMESPACE create secret docker-registry ${name} --docker-server=${server} --docker-username=USER --docker-password=PASSWORD`;
}

function fetchCa(endpoint: string, file: string): string {
  return `openssl s_client -showcerts -connect ${endpoint} < /dev/null | sed -ne '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' > ${file}`;
}

/** An IPv6 address has brackets, which a shell takes for a pattern. */
function fileOf(host: string): string {
  return host.replaceAll(/[^\w.-]/g, '_');
}
