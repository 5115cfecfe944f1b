/**
 * Every MQTT topic of a bank, in one place for the cloud and for the device (design.md section 5).
 * A bank's client id, thing name and bank id are one and the same string.
 */
export const topics = (bankId: string) => ({
  /** Up, by Basic Ingest at QoS 1: a `JournalBatch`. The rule takes the bank from `clientid()`, never from the payload. */
  journal: `$aws/rules/${ruleNames.journal}/${bankId}`,
  /** Up, by Basic Ingest: an `Ask`, a credential the bank does not know. */
  ask: `$aws/rules/${ruleNames.ask}/${bankId}`,
  /** Up, by Basic Ingest: a `CertificateRequest`. The rule takes the certificate in use from `principal()`. */
  certificate: `$aws/rules/${ruleNames.certificate}/${bankId}`,
  /** Down, QoS 0: a `JournalAck`. */
  ack: `lw/${bankId}/down/ack`,
  /** Down: a `ReplayRequest`. */
  replay: `lw/${bankId}/down/replay`,
  /** Down: an `Answer` to an `Ask`. */
  answer: `lw/${bankId}/down/answer`,
  /** Down: a `KeyHandover`. */
  key: `lw/${bankId}/down/key`,
  /** Down: a `CertificateAnswer`. */
  newCertificate: `lw/${bankId}/down/certificate`,
  /** The one wildcard a bank subscribes to for all that comes down. */
  down: `lw/${bankId}/down/+`,
  shadow: (name: string) => {
    const base = `$aws/things/${bankId}/shadow/name/${name}`;
    return {
      get: `${base}/get`,
      getAccepted: `${base}/get/accepted`,
      getRejected: `${base}/get/rejected`,
      update: `${base}/update`,
      updateAccepted: `${base}/update/accepted`,
      updateRejected: `${base}/update/rejected`,
      delta: `${base}/update/delta`,
    };
  },
});

export const ruleNames = { journal: 'lw_journal', ask: 'lw_ask', certificate: 'lw_certificate' } as const;

/** Doors per named shadow. 24 open commands are 6,944 bytes of the 8,192 a shadow may hold; 8 doors × 4 grants 7.5 KB. */
export const doorsPerShadow = { doors: 24, grants: 8 } as const;

const numbered = (kind: keyof typeof doorsPerShadow) => (doorCount: number) =>
  Array.from({ length: Math.ceil(doorCount / doorsPerShadow[kind]) }, (_, k) => `${kind}-${k}`);

/** Names of a bank's shadows; `position` is the compartment's index in the layout, from 0. */
export const shadowNames = {
  config: 'config',
  doors: (position: number) => `doors-${Math.floor(position / doorsPerShadow.doors)}`,
  grants: (position: number) => `grants-${Math.floor(position / doorsPerShadow.grants)}`,
  /** All of them, for a bank of so many doors. */
  all: (doorCount: number): string[] => [
    'config',
    ...numbered('doors')(doorCount),
    ...shadowNames.allGrants(doorCount),
  ],
  allGrants: numbered('grants'),
} as const;

/** AWS refuses a shadow whose desired and reported parts together are larger (limits.md A1). The local engine does not. */
export const shadowBytesMax = 8192;
