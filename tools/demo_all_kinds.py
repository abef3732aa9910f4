"""What `./quickstart --stores all` shows, with one store of every kind behind MODELFLOAT_KINDS (tests/servers/kinds.py).

demo_all_kinds.py PROGRAM HOME MODEL PROMPT"""
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path


def step(text):
    print(f"\n\033[1m{text}\033[0m", flush=True)


class Demo:
    def __init__(self, program, home):
        self.program = program
        self.environment = dict(os.environ, MODELFLOAT_HOME=str(home))

    def __call__(self, *arguments, quiet=False):
        if not quiet:
            print("$ modelfloat " + " ".join(str(part) for part in arguments), flush=True)
        done = subprocess.run([self.program, *map(str, arguments)], env=self.environment, stdout=subprocess.PIPE if quiet else None, text=True)
        if done.returncode not in (0, 4):  # 4: some stores are away, as they are meant to be
            sys.exit(done.returncode)
        return done.stdout

    def start(self, *arguments):
        print("$ modelfloat " + " ".join(str(part) for part in arguments) + " &", flush=True)
        return subprocess.Popen([self.program, "--quiet", *map(str, arguments)], env=self.environment, stdout=subprocess.DEVNULL)

    def answer(self, model, prompt):
        answer = json.loads(self("--json", "run", model, prompt, "-n", 12, "--temperature", 0, quiet=True))
        print(f"{prompt}\033[1m{answer['text']}\033[0m")
        print(f"{answer['seconds_to_first_token']:.2f} s from the command to the first token")


def control(listing, name, what):
    """Shuts or opens the way to a store: tests/servers/kinds.py waits for these lines."""
    Path(listing["control"]).write_text(f"{what} {name}\n")
    if Path(listing["answers"]).read_text().strip() != f"{what} {name}":
        sys.exit(f"{name} does not {what}")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    program, home, model, prompt = sys.argv[1:]
    listing = json.loads(Path(os.environ["MODELFLOAT_KINDS"]).read_text())
    places = listing["places"]
    for name, place in places.items():
        print(f"{name:8} {place['what']}, {place['url']}")
    demo = Demo(program, home)

    step("4. A pool over these six that survives the loss of any two, also on five of them")
    code = json.loads(demo("--json", "--quiet", "init", "--redundancy", "3+2", quiet=True))["recovery_code"]
    for name, place in places.items():
        credentials = ["--credentials-file", place["credentials_file"]] if place["credentials_file"] else []
        demo("--quiet", "store", "add", name, place["url"], *place["options"], *credentials, "--domain", name)

    step("5. The model goes in, and each store gets a part that it cannot read")
    demo("push", model, "--name", "demo/smollm2")
    demo("status")

    names = list(places)
    for number, pair in enumerate(((names[0], names[1]), (names[3], names[5])), 6):
        step(f"{number}. Without {pair[0]} and {pair[1]}")
        for name in pair:
            control(listing, name, "shut")
        demo.answer("demo/smollm2", prompt)
        for name in pair:
            control(listing, name, "open")

    step("8. The machine is lost: another home gets everything back by the recovery code and the stores")
    file = Path(home).with_name("recovery-code")
    file.touch(mode=0o600)
    file.write_text(code + "\n")
    other = Demo(program, Path(home).with_name("other-home"))
    stores = []
    for place in places.values():
        stores += ["--store", place["url"], *place["options"]]
        stores += ["--credentials-file", place["credentials_file"]] if place["credentials_file"] else []
    other("recover", "--recovery-code-file", file, *stores)
    other.answer("demo/smollm2", prompt)

    gone, next_two = names[3], (names[1], names[4])
    step(f"9. {gone} is lost for good while two machines push")
    files = {"demo/one": Path(home).with_name("one.bin"), "demo/two": Path(home).with_name("two.bin")}
    for path in files.values():
        path.write_bytes(os.urandom(48 << 20))
    pushes = [machine.start("push", path, "--name", name) for machine, (name, path) in zip((demo, other), files.items())]
    control(listing, gone, "shut")
    for push in pushes:
        if push.wait() not in (0, 4):
            sys.exit(push.returncode)

    step("10. What it had is made again from the other five, and it is taken out of the pool")
    demo("repair")
    demo("store", "rm", gone)

    step(f"11. Without {next_two[0]} and {next_two[1]} as well, every byte comes back")
    for name in next_two:
        control(listing, name, "shut")
    files["demo/smollm2"] = Path(model)
    for machine in (demo, other):
        for name, path in files.items():
            pulled = Path(home).with_name("pulled")
            machine("pull", name, "-o", pulled)
            if digest(pulled) != digest(path):
                sys.exit(f"{name} is not what was pushed")
            pulled.unlink()
            print(f"{name}: the same SHA-256 as what was pushed")


if __name__ == "__main__":
    main()
