// The words of a text in the order they stand, in lower case: of any language, those without spaces between words too.
// Node.js has ICU's dictionaries built in (Intl.Segmenter); Python's standard library has nothing like it.

import { serve, Wrong } from './oip.mjs';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

function words(text) {
  const found = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC'))) {
    if (isWordLike) found.push(Buffer.from(segment.toLowerCase()));
  }
  return found;
}

serve({
  name: 'words',
  inputs: [{ name: 'text', datatype: 'BYTES', shape: [1] }],
  outputs: [{ name: 'words', datatype: 'BYTES', shape: [-1] }],
  run({ text: [text] }) {
    const found = words(text.toString());
    if (!found.length) throw new Wrong('there is no word in this text');
    return { words: found };
  },
});
