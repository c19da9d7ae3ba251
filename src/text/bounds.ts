/**
 * The limits for each list and text of external input, all in one place. An API server bounds bytes: 3 MiB of
 * a request, 1.5 MiB of an object in etcd, 1 MiB of a Secret, 256 KiB of all annotations. What is made of an entry, and how often
 * a list is gone through, only we can bound. What is beyond a bound is counted and said, never left out without a word.
 *
 * A bound is some times what the largest object of 12,207 from real repositories needs, and small enough that an object at all of
 * its bounds is checked in a tenth of a second.
 */

/**
 * Names of pull secrets that a pod or a service account lists. People name one or two; kubelet reads each from the API server.
 */
export const MOST_PULL_SECRETS = 50;

/**
 * Distinct images of a pod that are looked up in pull secrets, at registries and on nodes. The address of every image is read.
 */
export const MOST_LOOKED_UP = 100;

/** Findings of one rule in one object: ten are shown in a denial, twenty in a log line. The rest are counted. */
export const MOST_FINDINGS = 100;

/**
 * Characters of an image's address. The longest that can be pulled has 777: a host of 253 and a port, a path of 255, a tag of
 * 128, a digest of 135. Longer ones are said to be too long, and nothing else is looked for in them.
 */
export const LONGEST_IMAGE = 4096;

/** Requirements that a pod has of its nodes, values in them, and tolerations: each costs a look at every node. */
export const MOST_REQUIREMENTS = 50;
export const MOST_VALUES = 500;

/** Characters of the annotation `pullguard.dev/skip`: the ids of all rules, three times over. */
export const LONGEST_SKIP = 1024;

/** Values of an object of a kind that is not known, in which images are looked for: a List of a thousand Pods. */
export const MOST_VALUES_SEARCHED = 100_000;

/** Characters of the annotation `image.openshift.io/triggers`: a hundred images of a pod, 160 each. */
export const LONGEST_TRIGGERS = 16 * 1024;

/**
 * Bytes of a webhook call. An object in etcd has 1.5 MiB, and an update brings the old one along; where Go writes a character as
 * `\u003c`, a byte becomes six. What is larger could not be stored anyway. 1 MiB is for the rest of the review.
 */
export const LONGEST_BODY = 6 * 3 * 1024 * 1024 + 1024 * 1024;

/**
 * Bytes held for all bodies that are being read or wait to be decided: beyond it the largest is refused, so that reviews of the
 * usual few kB find room whatever else is sent. They are no part of the heap; of 512 MiB a server at work leaves 250.
 */
export const MOST_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Lists and objects in a body, outside of texts. Each takes about 100 bytes to parse however few it is written in: 19 MiB of `[`
 * would take 2 GB. Recorded reviews have one in 34 bytes or more.
 */
export const MOST_COLLECTIONS = 250_000;

/**
 * Bytes of a body that is decided where all others wait for it. Reviews have 2 to 20 kB; larger ones have a thread of their own.
 */
export const LONGEST_SMALL_BODY = 64 * 1024;

/** Bytes of a body that contain everything before the object: the user and the operation. */
export const LONGEST_REVIEW_HEAD = 64 * 1024;

/**
 * Milliseconds that deciding a large review may take, in the thread where only others like it wait. An API server waits for 3 s;
 * what is not decided by then is answered as one that could not be read.
 */
export const LARGE_TIME_BUDGET_MS = 2000;

/** Milliseconds that deciding a review may take, looked at between rules and every hundred images. API servers wait for 3 s. */
export const TIME_BUDGET_MS = 100;

/**
 * Bytes of bodies of reviews that were answered before a registry did, and are kept until it does, for tens of seconds at most: some
 * hundred, which take 26 MB of heap at worst. What is beyond is told of by the next review only.
 */
export const MOST_LATE_BYTES = 512 * 1024;

/** What each of them counts at least: less than that is not kept with it. */
export const LEAST_LATE_BYTES = 4096;

/**
 * Images and pod specs that are looked at before that time counts: a small object is checked in full also where something else has
 * the processor, as its time would otherwise be up before its first image. A pod of fifty images takes about as many, and 15 ms
 * at worst.
 */
export const ALWAYS_LOOKED_AT = 500;

/**
 * Bytes of one answer or one event of an API server, as JSON. A page of 500 pull secrets or service accounts is 1 or 2 MB; a
 * larger page is asked for in parts, and an object that is larger alone is passed over. Text and what is parsed from it take
 * three times as much at once, of a heap of 256 MiB.
 */
export const LONGEST_ANSWER = 8 * 1024 * 1024;

/** Objects, members and elements of such an answer: 90 bytes of heap each at worst, as 8 MiB of `{},{},{}` would be 150 MB. */
export const MOST_ANSWER_VALUES = 400_000;

/** Bytes of a docker config, looked at before it is parsed: forty registries with tokens of 6 kB. Takes 3 ms. */
export const LONGEST_DOCKER_CONFIG = 256 * 1024;

/** Keys of a docker config, and credentials that one pod pulls with. The largest seen has 40. */
export const MOST_CREDENTIAL_KEYS = 300;

/** Characters of those keys together. Each dot in a key is a node of an index, so that this is 10 MB of heap at worst. */
export const LONGEST_CREDENTIAL_KEYS = 32 * 1024;

/** Names of images that are kept of a node: kubelet writes 50 images, each with a tag and a digest. */
export const MOST_NODE_IMAGES = 200;

/** Labels `pullguard.dev/…` of a namespace: there are two, and the rest are typos. */
export const MOST_NAMESPACE_LABELS = 20;

/**
 * Bytes of heap, by estimate, of what is kept of one collection: 100,000 service accounts or 5,000 nodes. There are five
 * collections at most that grow with the cluster, and each is there twice while it is listed anew.
 */
export const MOST_KEPT = 24 * 1024 * 1024;

/** The same for the objects of one namespace: thousands of pull secrets. It takes 24 namespaces like that to reach the total. */
export const MOST_KEPT_OF_NAMESPACE = 1024 * 1024;

/** Problems that are remembered, so that each is reported once: 200 kB. */
export const MOST_TOLD = 1000;

/**
 * Of what all namespaces share (probes, answers that are kept or waited for), what one namespace may have at most: a quarter, so
 * that one alone is not hindered, and it takes four to be in the way of all others.
 */
export function shareOfNamespace(most: number): number {
  return Math.ceil(most / 4);
}

/**
 * Characters of a text that are looked at for credentials, unless it is plain; a longer one is not shown. An address has up to
 * 771.
 */
export const LONGEST_SHOWN = 1024;

/** Characters that are kept of what a registry says of an error: a sentence or two. */
export const LONGEST_SAID = 120;

/** Media types of artifacts are looked for in so many characters: up to 127 on either side of the slash (RFC 6838). */
export const LONGEST_MEDIA_TYPE = 255;

/**
 * Open connections to the webhook. An API server opens one for each call under way, which takes milliseconds, and keeps some
 * idle: a thousand are many API servers at once. Each takes up to 66 kB, so that they fit into the heap with everything else.
 */
export const MOST_CONNECTIONS = 1000;

/** Open connections to the admin port: kubelet and each Prometheus have one. */
export const MOST_ADMIN_CONNECTIONS = 100;

/**
 * Bytes of log lines that wait to be written: some ten thousand lines, for a disk or a reader that stalls for some seconds under
 * load. Beyond it lines are dropped and counted.
 */
export const MOST_LOG_BYTES = 8 * 1024 * 1024;

/**
 * Characters of a message of a failed pull, and of a line that may hold one: an Event has 1,024, the status of a container some thousand.
 * Of what is longer the start and the end are read, as what decides stands at the end.
 */
export const LONGEST_FAILURE = 32 * 1024;

/** Characters of a line that `diagnose` reads; the rest of a longer one is left out. Only what is generated has lines like that. */
export const LONGEST_LINE = 1024 * 1024;

/** Files and folders of one kustomization in which an image is looked for. */
export const MOST_KUSTOMIZED = 1000;

/** Bytes of the files of a chart or kustomization in which images are looked for, and of what it renders to. */
export const LONGEST_SOURCES = 32 * 1024 * 1024;
export const LONGEST_RENDERED = 64 * 1024 * 1024;

/** Changes of values and of entries under `images` that are tried, each by a rendering. */
export const MOST_SOURCE_EDITS = 100;

/** Milliseconds that rendering one may take: it may have bases to clone. */
export const RENDER_TIME_MS = 60_000;

/** Bytes of a report in Markdown: GitHub takes no comment that is longer. */
export const LONGEST_COMMENT = 65_536;

/** Pods that wait, or start, and are looked at at once; some 5 kB each. A cluster in which more of them fail has few causes for it. */
export const MOST_WAITING = 5000;

/** Events that are read of one of them: kubelet has one for each container and message. */
export const MOST_EVENTS_OF_POD = 30;

/** Secrets, ServiceAccounts and nodes that are read one by one for Pods that wait: of each so many. */
export const MOST_READ_FOR_WAITING = 200;

/** Images that `diagnose --probe` asks registries about. */
export const MOST_PROBED = 50;

/**
 * Causes that `serve --watch-pulls` keeps, each at one registry or of one image, and of each the nodes and Pods that meet it: 10 MB at
 * worst. An outage is one of them, whatever number of Pods it has.
 */
export const MOST_FAILED_PULLS = 300;
export const MOST_NODES_OF_FAILURE = 100;
export const MOST_PODS_OF_FAILURE = 200;

/** Registries and images that are known to be pulled, or that an admission warned of. */
export const MOST_PULLED = 2000;

/** Pods whose owner is still to be found, to write an Event about it; two requests each. */
export const MOST_OWNERS_SOUGHT = 100;
