import { DOCKER_HUB, formatReference, type ImageReference, splitDomain } from '../image/reference.ts';
import { CCE_SECRET, looksLikeSwr } from '../image/known-registries.ts';
import { isSubdomain } from '../text/kubernetes-name.ts';

/** The pull secrets that were used, and the one that the policy has for such images. */
type Asker = Readonly<{ reference: ImageReference; secrets: readonly string[]; usualSecret?: string | undefined }>;

/** Advice if there are no credentials, or if it is unknown which of several were refused. */
export function adviseCredentials({ reference: { registry }, secrets, usualSecret = 'NAME' }: Asker): string {
  const isSwr = looksLikeSwr(registry) || usualSecret === CCE_SECRET;
  if (isSwr && !secrets.includes(CCE_SECRET)) {
    return `Add ${CCE_SECRET} to imagePullSecrets; CCE creates it in every namespace for the SWR of its own region. For another region, create a pull secret: ${createSecret('NAME', registry)}`;
  }
  const name = secrets.length > 0 ? 'NAME' : usualSecret;
  return `Create a pull secret in the namespace of the Pod and add it to imagePullSecrets: ${createSecret(name, registry)}`;
}

/** Only a single secret can be recreated: with several, it is unknown which was refused, and CCE recreates its own. */
export function adviseRefused(asker: Asker): string {
  const { reference, secrets, usualSecret = 'NAME' } = asker;
  const [only = usualSecret] = secrets;
  // A name may be any text until the API server has checked it; it must not be copied into a shell.
  const isOne = secrets.length < 2 && secrets.every((name) => isSubdomain(name));
  if (!isOne || only === CCE_SECRET) return adviseCredentials(asker);
  return `Recreate the pull secret in the namespace of the Pod, with the right username and password: kubectl -n NAMESPACE delete secret ${only} --ignore-not-found && ${createSecret(only, reference.registry)}`;
}

export function adviseAccess(user: string, { registry, repository }: ImageReference): string {
  const where = looksLikeSwr(registry) ? ' (in SWR, a permission of the organization)' : '';
  return `Grant ${user} pull access to ${repository} on ${registry}${where}, or fix the image if the repository does not exist.`;
}

/** @param tagged an image whose tag may be wrong; a repository that does not exist has no tags to list. */
export function adviseNotFound(tagged: ImageReference | undefined): string {
  const listTags =
    tagged === undefined || tagged.digest !== undefined
      ? ''
      : ` To list the tags: skopeo list-tags docker://${tagged.registry}/${tagged.repository}`;
  return `Fix the image, or push it. Some registries return the same for an image that the user may not see: then use a pull secret of a user with access.${listTags}`;
}

export function adviseConvert({ registry, repository, tag = 'latest', digest }: ImageReference): string {
  const name = `docker://${registry}/${repository}`;
  const then = digest === undefined ? '' : ', then use the new digest';
  return `Rebuild the image with a current tool and push it${then}. Or convert it: skopeo copy --format v2s2 ${name}${digest === undefined ? `:${tag}` : `@${digest}`} ${name}:${tag}`;
}

export function adviseUnknownCa(endpoint: string): string {
  const file = fileOf(hostOf(endpoint));
  // For a shell, the text after the last command is a comment.
  return `Add the CA on each node that pulls the image, after checking that it is the right one; for pullguard itself, add it to the registry in the policy (probe.ca). On EulerOS and CentOS: ${fetchCa(endpoint, `/etc/pki/ca-trust/source/anchors/${file}.crt`)} && update-ca-trust && systemctl restart containerd # or docker. On Ubuntu: ${fetchCa(endpoint, `/usr/local/share/ca-certificates/${file}.crt`)} && update-ca-certificates && systemctl restart containerd # or docker.`;
}

export const OPEN_A_WAY =
  'Give the nodes a route: bind an EIP (public IP address) to each node that pulls the image, or a NAT gateway to their network. Or push the image to SWR and pull it from there.';

/** True in a Pod of the cluster and on a user's computer. */
export const NODES_MAY_DIFFER =
  'Nodes may reach it nevertheless: pullguard uses the DNS, routes and firewalls of the place where it runs, and no proxy.';

export const LEAVE_OR_EXPAND =
  'On each of these nodes, remove unused images: crictl images -v lists them, crictl rmi ID removes one (docker images and docker rmi on nodes with Docker; never remove cce-pause, which every Pod needs). Or expand the data disk: its capacity first, then on the node pvresize /dev/vdb, lvextend -l+100%FREE -n vgpaas/dockersys and resize2fs /dev/vgpaas/dockersys, or the devices that lsblk shows.';

export function pullByHand(reference: ImageReference): string {
  return `crictl pull ${formatReference(reference)} (docker pull on nodes with Docker)`;
}

/** The image after `docker://`: tools accept either a tag or a digest. */
export function nameImage({ registry, repository, tag = 'latest', digest }: ImageReference): string {
  return `${registry}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

/** Without the port. */
export function hostOf(endpoint: string): string {
  return splitDomain(endpoint).host;
}

/** Credentials for a host do not match `host:443`: the server must be written as in images. */
function createSecret(name: string, registry: string): string {
  const server = registry === DOCKER_HUB ? 'https://index.docker.io/v1/' : registry;
  return `kubectl -n NAMESPACE create secret docker-registry ${name} --docker-server=${server} --docker-username=USER --docker-password=PASSWORD`;
}

function fetchCa(endpoint: string, file: string): string {
  return `openssl s_client -showcerts -connect ${endpoint} < /dev/null | sed -ne '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' > ${file}`;
}

/** A shell would read the brackets of an IPv6 address as a pattern. */
function fileOf(host: string): string {
  return host.replaceAll(/[^\w.-]/g, '_');
}
