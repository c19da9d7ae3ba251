/**
 * The limits for each list and text of external input, all in one place. An API server limits bytes: 3 MiB for a request, 1.5 MiB
 * for an object in etcd, 1 MiB for a Secret, 256 KiB for all annotations. How much memory an entry takes, and how often a list is
 * iterated, only pullguard can limit. Exceeding a limit is counted and reported, never silent.
 *
 * Each limit is a multiple of what the largest of 12,207 objects from real repositories needs, and small enough that an object at
 * all of its limits is checked in a tenth of a second.
 */

/** Names in the `imagePullSecrets` of a Pod or ServiceAccount. Usually one or two; kubelet reads each from the API server. */
export const MOST_PULL_SECRETS = 50;

/** Different images of a Pod that are looked up in pull secrets, at registries and on nodes. All references are parsed. */
export const MOST_LOOKED_UP = 100;

/** Findings of one rule for one object: ten are shown in a denial, twenty in a log line. The others are counted. */
export const MOST_FINDINGS = 100;

/**
 * Characters of an image. The longest valid one has 777: a host of 253 and a port, a path of 255, a tag of 128, a digest of 135.
 * A longer one is only reported as too long.
 */
export const LONGEST_IMAGE = 4096;

/** Requirements that a Pod has for its nodes, their values, and tolerations: each is compared with every node. */
export const MOST_REQUIREMENTS = 50;
export const MOST_VALUES = 500;

/** Characters of the annotation `pullguard.dev/skip`: three times the IDs of all rules. */
export const LONGEST_SKIP = 1024;

/** Values of an object of an unknown kind that are searched for images: enough for a List of a thousand Pods. */
export const MOST_VALUES_SEARCHED = 100_000;

/** Characters of the annotation `image.openshift.io/triggers`: a hundred images of a Pod, 160 each. */
export const LONGEST_TRIGGERS = 16 * 1024;

/**
 * Bytes of a webhook call. An object in etcd has 1.5 MiB, and an update includes the old one; if Go escapes a character as
 * `\u003c`, one byte becomes six. A larger object could not be stored anyway. 1 MiB is for the rest of the review.
 */
export const LONGEST_BODY = 6 * 3 * 1024 * 1024 + 1024 * 1024;

/**
 * Bytes of all bodies that are being read or wait for a decision. Above it, the largest one is refused, so that reviews of the
 * usual few kB always have room. The bodies are outside of the heap; of 512 MiB, a busy server leaves 250.
 */
export const MOST_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Lists and objects in a body, not counting brackets in strings. Each takes about 100 bytes when parsed, however short it is: 19
 * MiB of `[` would take 2 GB. Recorded reviews have at most one per 34 bytes.
 */
export const MOST_COLLECTIONS = 250_000;

/**
 * Bytes of a body that is decided in the main thread, where all others wait. Reviews have 2 to 20 kB; larger ones use a worker.
 */
export const LONGEST_SMALL_BODY = 64 * 1024;

/** Bytes of a body that contain everything before the object: the user and the operation. */
export const LONGEST_REVIEW_HEAD = 64 * 1024;

/**
 * Milliseconds for deciding a large review, in the thread where only other large reviews wait. An API server waits for 3 s; a
 * review that is not decided in time is answered like an unreadable one.
 */
export const LARGE_TIME_BUDGET_MS = 2000;

/** Milliseconds for deciding a review, checked between rules and every hundred images. API servers wait for 3 s. */
export const TIME_BUDGET_MS = 100;

/**
 * Bytes of the bodies of reviews that were answered before a registry did, and are kept until it does, for tens of seconds at
 * most: some hundred reviews, which take at most 16 MB of heap. Above it, problems are only reported by the next review.
 */
export const MOST_LATE_BYTES = 512 * 1024;

/** The least that each of them counts, as every kept review has some overhead. */
export const LEAST_LATE_BYTES = 4096;

/**
 * Images and pod specs that are checked before the time limit applies: a small object is always checked in full, even if a busy
 * processor would use up its time before its first image. A Pod with fifty images needs about this many, and at most 15 ms.
 */
export const ALWAYS_LOOKED_AT = 500;

/**
 * Bytes of one response or watch event of an API server, as JSON. A page of 500 pull secrets or ServiceAccounts has 1 or 2 MB; a
 * larger page is requested in parts, and a single object that is larger is skipped. The text and its parsed values take three
 * times as much together, of a heap of 256 MiB.
 */
export const LONGEST_ANSWER = 8 * 1024 * 1024;

/** Objects, members and elements in such a response: at most 90 bytes of heap each, as 8 MiB of `{},{},{}` would take 150 MB. */
export const MOST_ANSWER_VALUES = 400_000;

/** Bytes of a docker config, checked before parsing: forty registries with tokens of 6 kB. Parsing takes 3 ms. */
export const LONGEST_DOCKER_CONFIG = 256 * 1024;

/** Keys of a docker config, and credentials that one Pod pulls with. The largest known config has 40. */
export const MOST_CREDENTIAL_KEYS = 300;

/** Characters of all those keys. Each dot in a key adds a node to an index, so this takes at most 10 MB of heap. */
export const LONGEST_CREDENTIAL_KEYS = 32 * 1024;

/** Image names that are kept for a node: kubelet reports 50 images, each with a tag and a digest. */
export const MOST_NODE_IMAGES = 200;

/** Labels `pullguard.dev/…` of a namespace: there are two, and others are typos. */
export const MOST_NAMESPACE_LABELS = 20;

/**
 * Estimated bytes of heap for one collection of objects: 100,000 ServiceAccounts or 5,000 nodes. At most five collections grow
 * with the cluster, and each is in memory twice while it is listed again.
 */
export const MOST_KEPT = 24 * 1024 * 1024;

/** The same for the objects of one namespace: thousands of pull secrets. It takes 24 such namespaces to reach the total. */
export const MOST_KEPT_OF_NAMESPACE = 1024 * 1024;

/** Problems that are remembered so that each is reported once: 200 kB. */
export const MOST_TOLD = 1000;

/**
 * The share of one namespace in a resource that all namespaces use (probes, cached or pending answers): a quarter. One namespace
 * alone rarely reaches it, and it takes four to block all others.
 */
export function shareOfNamespace(most: number): number {
  return Math.ceil(most / 4);
}

/**
 * Characters of a text that is searched for credentials, unless it is plain; a longer text is not shown. An image has up to 771.
 */
export const LONGEST_SHOWN = 1024;

/** Characters that are kept of a registry's error message: one or two sentences. */
export const LONGEST_SAID = 120;

/** Characters of a media type in which artifacts are recognized: up to 127 on either side of the slash (RFC 6838). */
export const LONGEST_MEDIA_TYPE = 255;

/**
 * Open connections to the webhook. An API server opens one for each call in progress, which takes milliseconds, and keeps some
 * idle: a thousand are many API servers at once. Each takes up to 66 kB, so that they fit into the heap with everything else.
 */
export const MOST_CONNECTIONS = 1000;

/** Open connections to the admin port: kubelet and each Prometheus have one. */
export const MOST_ADMIN_CONNECTIONS = 100;

/**
 * Bytes of log lines that wait to be written: some ten thousand lines, for a disk or reader that stalls for a few seconds under
 * load. Above it, lines are dropped and counted.
 */
export const MOST_LOG_BYTES = 8 * 1024 * 1024;

/**
 * Characters of the message of a failed pull, and of a line with one: an Event has 1,024, the status of a container some
 * thousand. Of a longer text, the start and the end are read, as the cause is at the end.
 */
export const LONGEST_FAILURE = 32 * 1024;

/** Characters of a line that `diagnose` reads; the rest of the line is dropped. Only generated files have such lines. */
export const LONGEST_LINE = 1024 * 1024;

/** Files and folders of one kustomization that are searched for an image. */
export const MOST_KUSTOMIZED = 1000;

/** Bytes of the files of a chart or kustomization that are searched for images, and of its rendered output. */
export const LONGEST_SOURCES = 32 * 1024 * 1024;
export const LONGEST_RENDERED = 64 * 1024 * 1024;

/** Changes of values and of entries under `images` that are tried; each needs a rendering. */
export const MOST_SOURCE_EDITS = 100;

/** Milliseconds for rendering one; it may have to clone bases. */
export const RENDER_TIME_MS = 60_000;

/** Bytes of a Markdown report: the longest comment on GitHub. */
export const LONGEST_COMMENT = 65_536;

/** Waiting or starting Pods that are examined at once; about 5 kB each. If more of them fail, there are only a few causes. */
export const MOST_WAITING = 5000;

/** Events that are read per Pod: kubelet writes one for each container and message. */
export const MOST_EVENTS_OF_POD = 30;

/** Secrets, ServiceAccounts and nodes that are read one by one for waiting Pods; the limit is for each kind. */
export const MOST_READ_FOR_WAITING = 200;

/** Images that `diagnose --probe` asks registries about. */
export const MOST_PROBED = 50;

/**
 * Causes that `serve --watch-pulls` keeps, each for one registry or image, and the affected nodes and Pods of each: at most 10
 * MB. An outage is one cause, no matter how many Pods it affects.
 */
export const MOST_FAILED_PULLS = 300;
export const MOST_NODES_OF_FAILURE = 100;
export const MOST_PODS_OF_FAILURE = 200;

/** Registries and images that are known to be pulled, or that an admission warned about. */
export const MOST_PULLED = 2000;

/** Pods whose owner is still unknown, for an Event; each takes two requests. */
export const MOST_OWNERS_SOUGHT = 100;

/** Findings, Pods and groups that `scan -o html` shows: a file of some 3 MB, which a browser opens and filters at once. */
export const MOST_SHOWN_FINDINGS = 2000;
export const MOST_SHOWN_WAITING = 500;
export const MOST_SHOWN_GROUPS = 12;
export const MOST_SHOWN_NOTES = 50;

/** Characters of one text in a report; a message and a remedy have some hundred. */
export const LONGEST_REPORTED = 700;

/**
 * Results in one PolicyReport or Report, and their bytes: etcd takes 1.5 MiB of an object. And namespaces that have a report: Kubernetes is
 * tested with 10,000.
 */
export const MOST_RESULTS = 300;
export const LONGEST_REPORT = 1024 * 1024;
export const MOST_REPORTS = 10_000;

/**
 * Units of cost, as API servers count them, for comparing one image with the mirrors and hosts of a policy that is exported as CEL: of a
 * million for an expression, a hundred images of 160 characters leave ten thousand for each, and reading one takes three.
 */
export const MOST_COMPARED = 6000;

/** Characters of an exported object: etcd takes 1.5 MiB. */
export const LONGEST_EXPORTED = 512 * 1024;

/**
 * Pods of operators whose creations are counted, and operators whose images are not replaced any more: at most 4 MB. A Pod is in
 * a loop if it is created again that often within this time, by one replica's count. Within a second it is the same creation.
 */
export const MOST_RECREATED = 1000;
export const RECREATIONS_OF_LOOP = 5;
export const LOOP_WINDOW_MS = 30 * 60_000;
export const SAME_CREATION_MS = 1000;

/** How long images are not replaced then. */
export const STOP_MS = 24 * 3_600_000;

/** If it is still created again that often, replaced images were not the reason: they are replaced again, at least that long. */
export const RECREATIONS_OF_ACQUITTAL = 3;
export const ACQUITTAL_MS = 3_600_000;
