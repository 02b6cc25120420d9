/** How deep JSON is, told from its text: to parse a level costs a microsecond, and a stranger sends millions of them. */

/** Whether lists and objects stand in each other to more than so many levels. Of text that is no JSON, whatever it looks like. */
export function isDeeper(json: string, levelsMax: number): boolean {
  let levels = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '"') at = endOfText(json, at);
    else if (char === "[" || char === "{") levels += 1;
    else if (char === "]" || char === "}") levels -= 1;
    if (levels > levelsMax) return true;
  }
  return false;
}

/** Where the text ends that begins here: at a quote that no odd number of backslashes escapes. */
function endOfText(json: string, begin: number): number {
  for (let end = json.indexOf('"', begin + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return json.length;
}
