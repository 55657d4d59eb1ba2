// Goes on when the part of the program that draws the map is there (assets/boot.js). A development build is in one piece.
export const drawable = () => globalThis.giljabiRest?.drawable;
