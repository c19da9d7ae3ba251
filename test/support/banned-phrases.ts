/**
 * Phrases of docs/style.md's right column that have no honest use. Words that have one are not here: a Secret has keys, a network has
 * addresses, a user logs in.
 */
const BANNED: readonly RegExp[] = [
  /\b(?:nobody|somebody|anybody|whoever)\b/i,
  /\blet in\b/i,
  /\b(?:let|lets) (?:it|this \w+|them) pass\b/i,
  /\bpass(?:es|ed)? unjudged\b/i,
  /\bto be (?:denied|warned)\b/i,
  /\bworth to be\b/i,
  /\bwithout a key\b/i,
  /\b(?:has|have) no key\b/i,
  /\bis away\b/i,
  /\bturn(?:s|ed) (?:that )?round\b/i,
  /\b(?:is|are) lost\b/i,
  /\bwho runs? it\b/i,
  /\bthose who run\b/i,
  /\bpass(?:es|ed)? over\b/i,
  /\bof no account\b/i,
  /\bput (?:the clock )?right\b/i,
  /\btaken over\b/i,
  /\blimits pulls\b/i,
  /\bmake it again\b/i,
  /\bimage address(?:es)?\b/i,
  /\bcorrect the address\b/i,
  /\bwork as a registry should\b/i,
  /\bwas given a way\b/i,
  /\bjudge[sd]?\b/i,
  /\bunjudged\b/i,
];

/** The banned phrases in a text, as they stand there. */
export function findBanned(text: string): readonly string[] {
  return BANNED.flatMap((pattern) => pattern.exec(text)?.[0] ?? []);
}
