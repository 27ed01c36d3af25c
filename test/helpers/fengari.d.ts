/** The part of fengari, an interpreter of Lua, that test/helpers/gitops-health.ts uses. */
declare module 'fengari' {
  interface LuaState {
    readonly opaque: unique symbol
  }
  const fengari: {
    lua: { lua_tojsstring: (state: LuaState, index: number) => string }
    lauxlib: {
      luaL_newstate: () => LuaState
      luaL_dostring: (state: LuaState, text: Uint8Array) => boolean
    }
    lualib: { luaL_openlibs: (state: LuaState) => void }
    to_luastring: (text: string) => Uint8Array
  }
  export default fengari
}
