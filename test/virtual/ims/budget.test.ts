import test from 'ava';
import { Budget, createEventfd, VfioError } from 'vfio/mock';
import { dsa } from './bench.js';

const ENOSPC = { instanceOf: VfioError, code: 'ENOSPC' };

test('a quota of slots limits only the owner of the account', (t) => {
  const budget = new Budget({ quota: { slots: 2 } });
  budget.setQuota('big', { slots: 5 });
  const { domain } = dsa(8);
  const [small, big] = [budget.account('small'), budget.account('big')];
  const first = domain.allocate({ account: small });
  domain.allocate({ account: small });
  t.throws(() => domain.allocate({ account: small }), ENOSPC);
  for (let n = 0; n < 5; n++) domain.allocate({ account: big });
  t.throws(() => domain.allocate({ account: big }), ENOSPC);
  t.deepEqual([small.usage.slots, big.usage.slots, domain.used], [2, 5, 7]);
  domain.allocate();
  t.throws(() => domain.allocate(), ENOSPC, 'the domain has no free slot');
  first.free();
  first.free();
  t.is(small.usage.slots, 1);
  t.is(domain.allocate({ account: small }).index, first.index);
});

test('each host vector is charged to its owner and placed on the CPU with the fewest vectors', (t) => {
  const budget = new Budget({ quota: { vectors: 3 }, cpus: { ids: [0, 1, 4], vectors: 2 } });
  const { host, domain } = dsa(8);
  const [a, b] = [budget.account('a'), budget.account('b')];
  const take = (account: typeof a, cpus?: number[]) =>
    domain.allocateVector(createEventfd(), account, cpus);
  const vectors = [take(a), take(a), take(a)];
  t.deepEqual(
    vectors.map((vector) => vector.getAffinity()),
    [[0], [1], [4]],
  );
  t.throws(() => take(a), ENOSPC);
  t.is(host.used, 3, 'a refused request allocates no host vector');
  take(b, [1]);
  t.throws(() => take(b, [1]), ENOSPC);
  t.throws(() => take(b, [7]), ENOSPC, 'a CPU outside of the budget has no vectors');
  t.is(b.usage.vectors, 1);
  t.deepEqual(
    [...budget.cpuUsage()],
    [
      [0, 1],
      [1, 2],
      [4, 1],
    ],
  );
  vectors[0]?.setAffinity([4, 1]);
  t.deepEqual(vectors[0]?.getAffinity(), [4]);
  t.throws(() => vectors[2]?.setAffinity([1]), ENOSPC);
  vectors[2]?.setAffinity([4]);
  t.deepEqual(
    vectors[2]?.getAffinity(),
    [4],
    'a vector can stay on its CPU even if the CPU is full',
  );
  host.offline = 0;
  t.throws(() => vectors[2]?.setAffinity([0]), { code: 'EINVAL' });
  t.deepEqual(
    [...budget.cpuUsage().values()],
    [0, 2, 2],
    'after a failed setAffinity(), the vector still counts for the old CPU',
  );
  vectors[1]?.close();
  t.deepEqual([...budget.cpuUsage().values()], [0, 1, 2]);
  t.is(a.usage.vectors, 2);
});

test('if the host refuses a vector, the vector is not charged to the account', (t) => {
  const budget = new Budget({ cpus: { ids: [0], vectors: 10 } });
  const { domain } = dsa(8, {}, 1);
  const account = budget.account('a');
  domain.allocateVector(createEventfd(), account);
  t.throws(() => domain.allocateVector(createEventfd(), account), ENOSPC);
  t.is(account.usage.vectors, 1);
  t.is(budget.cpuUsage().get(0), 1);
});

test('a wrong quota throws a TypeError or RangeError', (t) => {
  t.throws(() => new Budget({ quota: { slots: -1 } }), { instanceOf: RangeError });
  t.throws(() => new Budget({ cpus: { ids: [0.5], vectors: 1 } }), { instanceOf: RangeError });
  t.throws(
    () => {
      new Budget().setQuota('a', { vectors: '1' as never });
    },
    { instanceOf: TypeError },
  );
});
