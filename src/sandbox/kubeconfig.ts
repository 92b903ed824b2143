import { stringify } from 'yaml';
import type { Credentials } from './certificates.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A kubeconfig with one context, carrying everything itself (client certificate and, for tools without TLS keys, a token). */
export function kubeconfigText(options: { context: string; server: string; credentials: Credentials; token: string }): string {
  const { context, server, credentials, token } = options;
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: context, cluster: { server, 'certificate-authority-data': base64(credentials.ca) } }],
      users: [
        {
          name: context,
          user: {
            'client-certificate-data': base64(credentials.clientCertificate),
            'client-key-data': base64(credentials.clientKey),
            token,
          },
        },
      ],
      contexts: [{ name: context, context: { cluster: context, user: context, namespace: 'default' } }],
      'current-context': context,
      preferences: {},
    },
    { lineWidth: 0 },
  );
}
