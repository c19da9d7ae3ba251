import type { Pointer } from '../text/json.ts';
import type { KindTable, WorkloadKind } from './kinds.ts';

/** Where a kind has pod specs, and containers outside of pod specs. */
type Places = Readonly<{ podSpecs?: readonly Pointer[]; containers?: readonly Pointer[] }>;

const TEMPLATE: Places = { podSpecs: ['/spec/template/spec'] };

/** Elastic's operator merges it with its own template. */
const POD_TEMPLATE: Places = { podSpecs: ['/spec/podTemplate/spec'] };

const AGENTS: Places = {
  podSpecs: [
    '/spec/daemonSet/podTemplate/spec',
    '/spec/deployment/podTemplate/spec',
    '/spec/statefulSet/podTemplate/spec',
  ],
};

const METRIC_JOBS: Places = { podSpecs: ['/spec/metrics/*/provider/job/spec/template/spec'] };

const VOLCANO_TASKS: Places = { podSpecs: ['/spec/tasks/*/template/spec'] };

/** A JobSet in a runtime of Kubeflow Trainer. */
const RUNTIME: Places = { podSpecs: ['/spec/template/spec/replicatedJobs/*/template/spec/template/spec'] };

/** The spec of KServe's runtimes, and of the kinds of the Prometheus operator, is itself a pod spec. */
const SPEC: Places = { podSpecs: ['/spec'] };
const SPEC_WITH_IMAGE: Places = { ...SPEC, containers: ['/spec'] };

const RUNTIME_OF_KSERVE: Places = { podSpecs: ['/spec', '/spec/workerSpec'] };

const LLM_SERVICE: Places = {
  podSpecs: [
    '/spec/template',
    '/spec/worker',
    '/spec/prefill/template',
    '/spec/prefill/worker',
    '/spec/router/scheduler/template',
    '/spec/router/scheduler/tokenizer/template',
  ],
};

function ray(at: Pointer): Places {
  return {
    podSpecs: [`${at}/headGroupSpec/template/spec`, `${at}/workerGroupSpecs/*/template/spec`],
    containers: [`${at}/autoscalerOptions`],
  };
}

function rayJob(at: Pointer): Places {
  const { podSpecs = [], containers = [] } = ray(`${at}/rayClusterSpec`);
  return { podSpecs: [...podSpecs, `${at}/submitterPodTemplate/spec`], containers };
}

function replicas(field: string): Places {
  return { podSpecs: [`/spec/${field}/*/template/spec`] };
}

function workflow(at: Pointer): Places {
  return {
    containers: [`${at}/templateDefaults`, `${at}/templates/*`].flatMap((template) =>
      ['container', 'script', 'initContainers/*', 'sidecars/*', 'containerSet/containers/*'].map(
        (container) => `${template}/${container}`,
      ),
    ),
  };
}

function steps(...tasks: readonly Pointer[]): Places {
  return { containers: tasks.flatMap((at) => [`${at}/steps/*`, `${at}/stepTemplate`, `${at}/sidecars/*`]) };
}

function pipeline(at: Pointer): Places {
  return steps(`${at}/tasks/*/taskSpec`, `${at}/finally/*/taskSpec`);
}

function spark(at: Pointer): Places {
  const pods = [`${at}/driver`, `${at}/executor`];
  return { containers: [at, ...pods.flatMap((pod) => [pod, `${pod}/initContainers/*`, `${pod}/sidecars/*`])] };
}

const KAFKA = [
  ...['kafka', 'zookeeper', 'kafkaExporter', 'cruiseControl', 'jmxTrans', 'entityOperator/tlsSidecar'],
  ...['entityOperator/topicOperator', 'entityOperator/userOperator'],
].map((part) => `/spec/${part}`);

/** Paths from the CRDs in the repositories of these projects. */
const BY_GROUP: Readonly<Record<string, Readonly<Record<string, Places>>>> = {
  'agent.k8s.elastic.co': { Agent: AGENTS },
  'apm.k8s.elastic.co': { ApmServer: POD_TEMPLATE },
  'apps.kruise.io': {
    AdvancedCronJob: {
      podSpecs: [
        '/spec/template/jobTemplate/spec/template/spec',
        '/spec/template/broadcastJobTemplate/spec/template/spec',
      ],
    },
    BroadcastJob: TEMPLATE,
    CloneSet: TEMPLATE,
    DaemonSet: TEMPLATE,
    EphemeralJob: { podSpecs: ['/spec/template'] },
    ImagePullJob: { containers: ['/spec'] },
    SidecarSet: SPEC,
    StatefulSet: TEMPLATE,
    UnitedDeployment: {
      podSpecs: ['statefulSet', 'advancedStatefulSet', 'cloneSet', 'deployment'].map(
        (kind) => `/spec/template/${kind}Template/spec/template/spec`,
      ),
    },
  },
  'apps.openshift.io': { DeploymentConfig: TEMPLATE },
  // DeploymentConfig before OpenShift had API groups.
  '': { DeploymentConfig: TEMPLATE },
  'argoproj.io': {
    AnalysisRun: METRIC_JOBS,
    AnalysisTemplate: METRIC_JOBS,
    ClusterAnalysisTemplate: METRIC_JOBS,
    ClusterWorkflowTemplate: workflow('/spec'),
    CronWorkflow: workflow('/spec/workflowSpec'),
    Experiment: { podSpecs: ['/spec/templates/*/template/spec'] },
    Rollout: TEMPLATE,
    Workflow: workflow('/spec'),
    WorkflowTemplate: workflow('/spec'),
  },
  'batch.volcano.sh': {
    CronJob: { podSpecs: ['/spec/jobTemplate/spec/tasks/*/template/spec'] },
    Job: VOLCANO_TASKS,
  },
  'beat.k8s.elastic.co': { Beat: AGENTS },
  'camel.apache.org': { Integration: TEMPLATE, Pipe: { podSpecs: ['/spec/integration/template/spec'] } },
  'elasticsearch.k8s.elastic.co': { Elasticsearch: { podSpecs: ['/spec/nodeSets/*/podTemplate/spec'] } },
  'flow.volcano.sh': { JobTemplate: VOLCANO_TASKS },
  'jobset.x-k8s.io': { JobSet: { podSpecs: ['/spec/replicatedJobs/*/template/spec/template/spec'] } },
  'kafka.strimzi.io': {
    Kafka: { containers: KAFKA },
    KafkaBridge: { containers: ['/spec'] },
    KafkaConnect: { containers: ['/spec'] },
    KafkaMirrorMaker2: { containers: ['/spec'] },
  },
  'keda.sh': { ScaledJob: { podSpecs: ['/spec/jobTargetRef/template/spec'] } },
  'kibana.k8s.elastic.co': { Kibana: POD_TEMPLATE },
  'kubeflow.org': {
    ClusterTrainingRuntime: RUNTIME,
    JAXJob: replicas('jaxReplicaSpecs'),
    MPIJob: replicas('mpiReplicaSpecs'),
    MXJob: replicas('mxReplicaSpecs'),
    Notebook: TEMPLATE,
    PaddleJob: replicas('paddleReplicaSpecs'),
    PyTorchJob: replicas('pytorchReplicaSpecs'),
    TFJob: replicas('tfReplicaSpecs'),
    TrainJob: { containers: ['/spec/trainer'] },
    TrainingRuntime: RUNTIME,
    XGBoostJob: replicas('xgbReplicaSpecs'),
  },
  'leaderworkerset.x-k8s.io': {
    LeaderWorkerSet: {
      podSpecs: ['/spec/leaderWorkerTemplate/leaderTemplate/spec', '/spec/leaderWorkerTemplate/workerTemplate/spec'],
    },
  },
  'logstash.k8s.elastic.co': { Logstash: POD_TEMPLATE },
  'monitoring.coreos.com': {
    Alertmanager: SPEC_WITH_IMAGE,
    Prometheus: { ...SPEC, containers: ['/spec', '/spec/thanos'] },
    PrometheusAgent: SPEC_WITH_IMAGE,
    ThanosRuler: SPEC_WITH_IMAGE,
  },
  'operators.coreos.com': {
    ClusterServiceVersion: { podSpecs: ['/spec/install/spec/deployments/*/spec/template/spec'] },
  },
  'postgresql.cnpg.io': { Pooler: TEMPLATE },
  'ray.io': {
    RayCluster: ray('/spec'),
    RayCronJob: rayJob('/spec/jobTemplate'),
    RayJob: rayJob('/spec'),
    RayService: ray('/spec/rayClusterConfig'),
  },
  'serving.knative.dev': { Configuration: TEMPLATE, Revision: SPEC, Service: TEMPLATE },
  'serving.kserve.io': {
    ClusterServingRuntime: RUNTIME_OF_KSERVE,
    ClusterStorageContainer: { containers: ['/spec/container'] },
    InferenceService: {
      podSpecs: ['/spec/predictor', '/spec/predictor/workerSpec', '/spec/transformer', '/spec/explainer'],
      containers: ['/spec/predictor/*', '/spec/explainer/*'],
    },
    LLMInferenceService: LLM_SERVICE,
    LLMInferenceServiceConfig: LLM_SERVICE,
    ServingRuntime: RUNTIME_OF_KSERVE,
  },
  'sinks.knative.dev': { JobSink: { podSpecs: ['/spec/job/spec/template/spec'] } },
  'sources.knative.dev': { ContainerSource: TEMPLATE },
  'sparkoperator.k8s.io': { ScheduledSparkApplication: spark('/spec/template'), SparkApplication: spark('/spec') },
  'tekton.dev': {
    ClusterTask: steps('/spec'),
    Pipeline: pipeline('/spec'),
    PipelineRun: pipeline('/spec/pipelineSpec'),
    StepAction: { containers: ['/spec'] },
    Task: steps('/spec'),
    TaskRun: steps('/spec/taskSpec'),
  },
  'trainer.kubeflow.org': {
    ClusterTrainingRuntime: RUNTIME,
    TrainJob: { containers: ['/spec/trainer'] },
    TrainingRuntime: RUNTIME,
  },
  'workload.serving.volcano.sh': {
    ModelServing: {
      podSpecs: ['/spec/template/roles/*/entryTemplate/spec', '/spec/template/roles/*/workerTemplate/spec'],
    },
  },
};

/** Custom kinds of well-known projects with images. */
export const CUSTOM_KINDS: readonly WorkloadKind[] = Object.entries(BY_GROUP).flatMap(([group, kinds]) =>
  Object.entries(kinds).map(([kind, { podSpecs = [], containers = [] }]) => ({ group, kind, podSpecs, containers })),
);

/**
 * Adds these kinds to a table; if both have a kind, the table's entry counts. `check` reads them, as it sees all kinds of a
 * manifest. The webhook and `scan` read only the kinds in the policy: the Pods of the other kinds are checked themselves.
 */
export function addCustomKinds(kinds: KindTable): KindTable {
  return new Map([...CUSTOM_KINDS.map((kind) => [`${kind.group}/${kind.kind}`, kind] as const), ...kinds]);
}
