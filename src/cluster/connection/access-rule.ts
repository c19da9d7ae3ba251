/** Something that has to be allowed. `namespaced`: in our own namespace, otherwise of the whole cluster. */
export type AccessRule = Readonly<{
  apiGroup: string;
  resource: string;
  verbs: readonly string[];
  /** Without it, whatever the object's name. */
  resourceNames?: readonly string[];
  namespaced: boolean;
}>;
