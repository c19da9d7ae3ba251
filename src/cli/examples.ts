/** The most common calls of each command, as users type them. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  serve: [
    'pullguard serve --config policy.yaml --tls-secret pullguard-tls',
    'pullguard serve --offline --log-level debug',
  ],
  check: [
    'pullguard check deploy/',
    'helm template web ./chart | pullguard check -',
    'pullguard check --config policy.yaml --diff deploy/',
    'pullguard check -o github --output-file sarif=pullguard.sarif deploy/',
  ],
  image: [
    'pullguard image nginx:1.27',
    'pullguard image --probe --docker-config ~/.docker/config.json harbor.example.com/team/app:v1',
    `pullguard image 'Failed to pull image "ngnix:1.27": not found'`,
    'pullguard image -o json - < images.txt',
  ],
  diagnose: [
    'pullguard diagnose -A',
    'pullguard diagnose -n shop deployment/web --probe',
    'kubectl get events -A -o json | pullguard diagnose -',
    'kubectl get pods -A -o json | pullguard diagnose -',
    'kubectl describe pod web-1 | pullguard diagnose -',
    'journalctl -u kubelet -u containerd --since -1h | pullguard diagnose -o json -',
  ],
  rules: ['pullguard rules', 'pullguard rules pull-secret-present', 'pullguard rules -o json'],
  certs: ['pullguard certs --dns-name pullguard.pullguard.svc --out certs'],
  policy: ['pullguard policy validate', 'pullguard policy show > in-force.yaml', 'pullguard policy test deploy'],
  export: [
    'pullguard export admission-policies --config policy.yaml | kubectl apply -f -',
    'pullguard export admission-policies --beside-webhook --policy-from-cluster | kubectl apply -f -',
    'pullguard export admission-policies --kubernetes 1.34 -o json > native.json',
    'pullguard export match-conditions --policy-from-cluster > match-conditions.yaml',
  ],
  scan: [
    'pullguard scan',
    'pullguard scan -n shop -n billing --secrets all',
    'pullguard scan --context staging --config policy.yaml -o json',
    'pullguard scan -o html > report.html',
    'pullguard scan -o policyreport --write-reports',
  ],
  version: ['pullguard version', 'pullguard version -o json'],
  completion: [
    'source <(pullguard completion bash)',
    'pullguard completion zsh > "${fpath[1]}/_pullguard"',
    'pullguard completion fish > ~/.config/fish/completions/pullguard.fish',
  ],
};

/** The end of the help of a command; empty for one without examples. */
export function formatExamples(command: string): string {
  const examples = EXAMPLES[command] ?? [];
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`;
}
