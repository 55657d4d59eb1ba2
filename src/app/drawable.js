// Go on when the part of the program is there that draws the map, or the panels, or when all of it is (assets/boot.js). A development build is in one piece.
export const drawable = () => globalThis.giljabiRest?.drawable;
// Who comes back has the panels fetched only now.
export function panelled() {
  globalThis.giljabiRest?.want();
  return globalThis.giljabiRest?.panelled;
}
export const whole = () => globalThis.giljabiRest?.whole;
