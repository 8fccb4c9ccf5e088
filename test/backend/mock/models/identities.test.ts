import test from 'ava';
import { IDENTITIES } from '../../../../lib/backend/mock/models/identities.js';
import { MODELS } from '../../../../lib/backend/mock/models/index.js';
import { ModelRegistry } from '../../../../lib/backend/mock/models/registry.js';

test('each model of the library has an identity with its ids', (t) => {
  const identities = new ModelRegistry([], IDENTITIES).list();
  t.deepEqual(identities, new ModelRegistry(MODELS).list());
});

test('a name of the library is taken before the model is loaded', (t) => {
  const own = new ModelRegistry([], IDENTITIES);
  for (const model of MODELS) {
    const add = () => {
      own.add(model);
    };
    t.throws(add, { instanceOf: TypeError, message: /already registered/ }, model.name);
  }
});
