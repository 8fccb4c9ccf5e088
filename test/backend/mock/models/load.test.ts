import test from 'ava';
import { IDENTITIES } from '../../../../lib/backend/mock/models/identities.js';
import { MODELS } from '../../../../lib/backend/mock/models/index.js';
import { loadModel } from '../../../../lib/backend/mock/models/load.js';
import { ModelRegistry, registry } from '../../../../lib/backend/mock/models/registry.js';

test('each model of the library has an identity with its ids', (t) => {
  const identities = new ModelRegistry([], IDENTITIES).list();
  t.deepEqual(identities, new ModelRegistry(MODELS).list());
});

test('loadModel() adds the model with this name, and ignores every other name', async (t) => {
  for (const name of ['', 'unknown', 'constructor', '__proto__', './edu.txt']) {
    await t.notThrowsAsync(loadModel(name), name);
  }
  t.is(registry.find('edu'), undefined);
  for (const model of MODELS) {
    await Promise.all([loadModel(model.name), loadModel(model.name)]);
    t.is(registry.find(model.name)?.model, model);
  }
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
