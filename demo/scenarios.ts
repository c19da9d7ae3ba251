import { readRecorded, reviewFaqDeployment, reviewPodOf, type Review } from './reviews.ts';

/** A request as a user makes it. `name` is its key in expected-answers.yaml. */
export type Scenario = Readonly<{
  name: string;
  review: Review;
  command: string;
  /** The file that the command names, for the text of a denial. */
  file?: string;
  /** What kubectl prints when the API server has taken the object; nothing for `kubectl debug`. */
  done: string;
  /** A remark on the command. */
  note?: string;
  /** The Pod that a controller creates from it. Its warnings go to the controller, not to a user. */
  pod?: Readonly<{ name: string; review: Review; maker: string }>;
}>;

export type Chapter = Readonly<{ title: string; scenarios: readonly Scenario[] }>;

const faq = reviewFaqDeployment();
const job = readRecorded('job-create-generate-name');

export const CHAPTERS: readonly Chapter[] = [
  {
    title: "The FAQ's own Deployment: its nginx comes from Docker Hub, which many clusters cannot reach",
    scenarios: [
      {
        name: 'faq-deployment',
        review: faq,
        command: 'kubectl apply -f faq-deployment.yaml',
        note: 'the FAQ says extensions/v1beta1; sent as apps/v1, which took its place',
        done: 'deployment.apps/nginx created',
        pod: { name: 'faq-pod', review: reviewPodOf(faq), maker: 'ReplicaSet' },
      },
    ],
  },
  {
    title: 'Fixed in the pod: the pull secret that was forgotten, the image that has a mirror',
    scenarios: [
      {
        name: 'job-create-generate-name',
        review: job,
        command: 'kubectl create -f job.yaml',
        done: 'job.batch/job-ct8tl created',
        pod: { name: 'job-pod', review: reviewPodOf(job), maker: 'Job' },
      },
      {
        name: 'pod-create-sa-pull-secret',
        review: readRecorded('pod-create-sa-pull-secret'),
        command: 'kubectl apply -f pod.yaml',
        note: 'the pull secret of its ServiceAccount, third, is kept',
        done: 'pod/sapod created',
      },
    ],
  },
  {
    title: 'Templates are never changed: a notice shows what the Pods get',
    scenarios: [
      {
        name: 'cronjob-create',
        review: readRecorded('cronjob-create'),
        command: 'kubectl apply -f cronjob.yaml',
        done: 'cronjob.batch/cj created',
      },
      {
        name: 'podtemplate-create-digest',
        review: readRecorded('podtemplate-create-digest'),
        command: 'kubectl apply -f podtemplate.yaml',
        done: 'podtemplate/pt created',
      },
      {
        name: 'deployment-create-dry-run',
        review: readRecorded('deployment-create-dry-run'),
        command: 'kubectl apply -f deployment.yaml --dry-run=server',
        done: 'deployment.apps/dr created (server dry run)',
      },
    ],
  },
  {
    title: 'Denied: no container runtime can pull these, so better now than as ImagePullBackOff',
    scenarios: [
      {
        name: 'statefulset-create-uppercase-image',
        review: readRecorded('statefulset-create-uppercase-image'),
        command: 'kubectl apply -f statefulset.yaml',
        file: 'statefulset.yaml',
        done: 'statefulset.apps/sts created',
      },
      {
        name: 'pod-create-scheme-in-image',
        review: readRecorded('pod-create-scheme-in-image'),
        command: 'kubectl apply -f weird.yaml',
        file: 'weird.yaml',
        done: 'pod/weird created',
      },
    ],
  },
  {
    title: 'Only reported: a running Pod cannot be fixed',
    scenarios: [
      {
        name: 'pod-update-ephemeralcontainers',
        review: readRecorded('pod-update-ephemeralcontainers'),
        command: 'kubectl debug sapod --image=busybox:1.36 --container=dbg',
        done: '',
      },
    ],
  },
];

/** Requests without any message for the user, by name. */
export const UNTOUCHED: Readonly<Record<string, string>> = {
  'deployment-create': 'create a Deployment: image on SWR, its pull secret named',
  'replicaset-create-owned': 'its ReplicaSet: the Deployment was checked',
  'pod-create-from-replicaset': 'the Pod of the ReplicaSet: nothing to fix',
  'deployment-update-image': 'change the image to another tag',
  'deployment-scale': 'scale it',
  'deployment-update-status': 'report its status',
  'daemonset-create': 'create a DaemonSet: image on quay.io',
  'replicationcontroller-create-ip-port': 'create a ReplicationController: image on 100.125.7.25:20202',
  'pod-update-label-only': 'label a Pod with an image from Docker Hub: it is already running',
  'pod-update-image': 'change another image of that pod',
  'pod-delete': 'delete a Pod with an invalid image',
  'cronjob-delete': 'delete a CronJob',
};
