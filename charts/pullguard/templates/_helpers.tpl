{{- define "pullguard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 46 characters, as the longest suffix has 13, and the Service has 63 for its own name. */}}
{{- define "pullguard.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains (include "pullguard.name" .) .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pullguard.name" .) | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "pullguard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pullguard.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "pullguard.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "pullguard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pullguard
app.kubernetes.io/component: webhook
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* metadata of an object. Arguments: the root, a name or a suffix of it, whether it is in the namespace, labels, annotations. */}}
{{- define "pullguard.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (printf "%s%s" (include "pullguard.fullname" $root) (.suffix | default "")) | quote }}
{{- if .namespaced }}
namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "pullguard.labels" $root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pullguard.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "pullguard.fullname" .) }}
{{- end }}

{{- define "pullguard.image" -}}
{{- .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "pullguard.secretName" -}}
{{- $suffix := ternary "certificates" "tls" (eq .Values.certificate.source "pullguard") }}
{{- .Values.certificate.secretName | default (printf "%s-%s" (include "pullguard.fullname" .) $suffix) }}
{{- end }}

{{/* The variables of the proxy, as the data of a Secret. */}}
{{- define "pullguard.proxy" -}}
{{- range $name, $key := dict "HTTPS_PROXY" "https" "HTTP_PROXY" "http" "NO_PROXY" "except" }}
{{- with get $.Values.proxy $key }}
{{ $name }}: {{ b64enc . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pullguard.policyConfigMap" -}}
{{- .Values.existingPolicyConfigMap | default (printf "%s-policy" (include "pullguard.fullname" .)) }}
{{- end }}

{{/* The policy. An `off` without quotes is false by the time that Helm has read it. */}}
{{- define "pullguard.policy" -}}
{{- $rules := dict }}
{{- range $id, $rule := .Values.policy.rules }}
{{- if kindIs "bool" $rule }}
{{- $rule = "off" }}
{{- else if and (kindIs "map" $rule) (kindIs "bool" $rule.action) }}
{{- $rule = merge (dict "action" "off") $rule }}
{{- end }}
{{- $_ := set $rules $id $rule }}
{{- end }}
{{- dict "apiVersion" "pullguard.dev/v1alpha1" "kind" "Policy" | merge (dict "rules" $rules) .Values.policy | toYaml }}
{{- end }}

{{/* The names of the pull secrets that pullguard may look into, as a list in JSON. */}}
{{- define "pullguard.pullSecrets" -}}
{{- $names := list "default-secret" }}
{{- if not .Values.existingPolicyConfigMap }}
{{- range .Values.policy.registries }}
{{- if .pullSecret }}{{ $names = append $names .pullSecret }}{{ end }}
{{- end }}
{{- end }}
{{- concat $names .Values.secrets.names | uniq | toJson }}
{{- end }}

{{/* The role of a binding and its subject. Arguments: the root, a suffix. */}}
{{- define "pullguard.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ printf "%s%s" (include "pullguard.fullname" .root) (.suffix | default "") | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "pullguard.serviceAccountName" .root | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end }}

{{/* clientConfig of a webhook. Arguments: the root, the path for certificates that are mounted. */}}
{{- define "pullguard.clientConfig" -}}
{{- $root := .root -}}
{{- with $root.Values.certificate.caBundle -}}
caBundle: {{ b64enc . }}
{{ end -}}
service:
  name: {{ include "pullguard.fullname" $root | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  port: 443
  {{- /* pullguard writes a path of its own where it may, and each apply of one would put it back. */}}
  {{- if ne $root.Values.certificate.source "pullguard" }}
  path: {{ .path }}
  {{- end }}
{{- end }}

{{- define "pullguard.excludedNamespaces" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ toJson (append .Values.webhooks.excludedNamespaces .Release.Namespace | uniq) }}
{{- end }}

{{/* Those of the webhooks that see workloads. */}}
{{- define "pullguard.excludedForWorkloads" -}}
{{- $names := append .Values.webhooks.excludedNamespaces .Release.Namespace }}
{{- if .Values.webhooks.failClosed }}{{ $names = concat $names .Values.webhooks.excludedWhenFailingClosed }}{{ end -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: {{ toJson (uniq $names) }}
{{- end }}

{{- define "pullguard.failure" -}}
sideEffects: NoneOnDryRun
timeoutSeconds: {{ .Values.webhooks.timeoutSeconds | default (ternary 5 3 .Values.webhooks.failClosed) }}
failurePolicy: {{ ternary "Fail" "Ignore" .Values.webhooks.failClosed }}
{{- end }}

{{/* What the schema cannot say. */}}
{{- define "pullguard.check" -}}
{{- $certificate := .Values.certificate }}
{{- if eq $certificate.source "files" }}
{{- if not (and $certificate.crt $certificate.key $certificate.caBundle) }}
{{- fail "certificate.source files: give certificate.crt, certificate.key and certificate.caBundle, such as --set-file certificate.crt=tls.crt" }}
{{- end }}
{{- else if or $certificate.crt $certificate.key }}
{{- fail (printf "certificate.crt and certificate.key are for certificate.source files, not %s: set it, or leave them out" $certificate.source) }}
{{- end }}
{{- if and $certificate.caBundle (has $certificate.source (list "pullguard" "cert-manager")) }}
{{- fail (printf "certificate.caBundle is for certificate.source secret and files: with %s it is written into the webhooks by itself" $certificate.source) }}
{{- end }}
{{- if and $certificate.caBundle (not (contains "-----BEGIN CERTIFICATE-----" $certificate.caBundle)) }}
{{- fail "certificate.caBundle is not PEM: give the certificate itself, not base64 of it, such as --set-file certificate.caBundle=ca.crt" }}
{{- end }}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor are both enabled, so each Pod would be scraped twice: disable one" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.webhookFrom) }}
{{- fail "networkPolicy.webhookFrom is empty: name the addresses of the API servers, or no call arrives" }}
{{- end }}
{{- with .Values.networkPolicy.egress }}
{{- if and .enabled (not .apiServers) }}
{{- fail "networkPolicy.egress.apiServers is empty: name the addresses of the API servers, or pullguard does not become ready" }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" }}
{{- end }}
{{- $left := add (int .Values.drainSeconds) (int (.Values.webhooks.timeoutSeconds | default (ternary 5 3 .Values.webhooks.failClosed))) }}
{{- if le (int .Values.terminationGracePeriodSeconds) (int $left) }}
{{- fail (printf "terminationGracePeriodSeconds %d is too short for drainSeconds and a last answer, %d s: make it longer" (int .Values.terminationGracePeriodSeconds) (int $left)) }}
{{- end }}
{{- end }}
