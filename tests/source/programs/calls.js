// Each function tells `rec` what it is called in the index; `rec` prints that beside what V8 calls it, and where.
const said = [];
function rec(expected) {
  const [, , line] = new Error().stack.split('\n');
  said.push([line.trim().replace(/^at /, ''), expected]);
}
const { basename } = require('path');
function declared() { rec('declared'); }
declared();
const arrow = () => { rec('arrow'); };
arrow();
const brief = () => rec('brief');
brief();
const expression = function () {
  rec('expression');
};
expression();
const outerName = function inner() { rec('inner'); };
outerName();
const literal = {
  method() { rec('method'); },
  arrow: () => { rec('arrow'); },
  property: function () { rec('property'); },
  get got() { rec('got'); return 1; },
  ['computed' + 1]() {
    rec('<anonymous>');
  },
  'quoted name'() { rec('quoted name'); },
};
literal.method(); literal.arrow(); literal.property(); literal.got; literal.computed1(); literal['quoted name']();
class Base {
  field = rec('Base');
  handler = () => {
    rec('Base.handler');
  };
  static made = rec('Base');
  static {
    rec('Base.<static_initializer>');
  }
  constructor() { rec('Base.constructor'); }
  method() { rec('Base.method'); }
  #hidden() { rec('Base.#hidden'); }
  reveal() { this.#hidden(); }
  get got() { rec('Base.got'); return 1; }
  static create() { rec('Base.create'); }
  async later() { await null; rec('Base.later'); }
  *generated() { rec('Base.generated'); }
  [Symbol.iterator]() { rec('Base.[Symbol.iterator]'); }
}
class Sub extends Base {
  method() {
    super.method();
    rec('Sub.method');
  }
}
const sub = new Sub();
sub.method(); sub.handler(); sub.reveal(); sub.got; Base.create(); Sub.create(); sub.generated().next(); sub[Symbol.iterator]();
exports.exported = function () { rec('exported'); };
exports.exported();
module.exports.again = async () => { rec('again'); };
module.exports.again();
function Old() { rec('Old'); }
Old.prototype.method = function () { rec('Old.method'); };
Old.prototype.other = function named() { rec('named'); };
Old.create = function () { rec('Old.create'); };
new Old().method(); new Old().other(); Old.create();
const app = { deep: {} };
app.use = function use() { rec('app.use'); };
app.deep.down = function () { rec('app.deep.down'); };
app['by name'] = function () { rec('app.by name'); };
app.use(); app.deep.down(); app['by name']();
[1].forEach(() => {
  rec('<anonymous>');
});
[1].forEach(function () {
  rec('<anonymous>');
});
const wrapped = ((f) => f)(function () {
  rec('<anonymous>');
});
wrapped();
app.wrapped = ((f) => f)(async () => {
  rec('<anonymous>');
});
app.wrapped();
(function immediate() {
  rec('immediate');
})();
let assigned;
assigned = () => { rec('assigned'); };
assigned();
const { fallback = () => { rec('fallback'); } } = {};
fallback();
function defaults(callback = () => { rec('callback'); }) { callback(); }
defaults();
const chosen = said ? () => { rec('chosen'); } : null;
chosen();
const Held = class { method() { rec('Held.method'); } };
new Held().method();
function outer() {
  function nested() { rec('outer.nested'); }
  nested();
  return () => {
    rec('outer.<anonymous>');
  };
}
outer()();
module.exports = function () { rec('module.exports'); };
module.exports();
rec(null);
(async () => {
  await sub.later();
  const awaited = async () => { await null; rec('<anonymous>.awaited'); };
  await awaited();
  await Promise.all([1].map(async function mapped() { await null; rec('<anonymous>.mapped'); }));
  for (const each of said) console.log(JSON.stringify(each));
})();
