// Command mutate shows that the simulation would find a fault of the engine. It
// applies each patch of testdata/mutations, which breaks one promise once, to a
// copy of this module, and requires that some world of so many seeds, or some
// named story, fails. From the module's root:
//
//	go run ./azure/reporting/simtest/mutate
//	go run ./azure/reporting/simtest/mutate -run linger -seeds 500
//
// A patch that does not apply any more is a failure too. It needs git.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	mutations = "azure/reporting/simtest/testdata/mutations"
	worlds    = "./azure/reporting/simtest"
)

func main() {
	only := flag.String("run", "", "the patches whose names match")
	seeds := flag.Int("seeds", 200, "within how many seeds each has to be found")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, seeds int) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	patches, err := filepath.Glob(filepath.Join(mutations, "*.patch"))
	if err != nil || len(patches) == 0 {
		return fmt.Errorf("no patches in %s: run it from the module's root (%v)", mutations, err)
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(dir); err != nil {
		return err
	}
	verdict, err := worldsFail(ctx, dir, seeds)
	if err != nil {
		return err
	}
	if verdict != "" {
		return fmt.Errorf("the engine fails without a mutation: %s", verdict)
	}
	missed := 0
	for _, patch := range patches {
		name := strings.TrimSuffix(filepath.Base(patch), ".patch")
		if !match.MatchString(name) {
			continue
		}
		began := time.Now()
		verdict, err := try(ctx, dir, patch, seeds)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !strings.HasPrefix(verdict, "found") {
			missed++
		}
		fmt.Printf("%-40s %s (%v)\n", name, verdict, time.Since(began).Round(time.Second))
	}
	if missed > 0 {
		return fmt.Errorf("%d were not found", missed)
	}
	return nil
}

// copyModule copies what git knows of the module, and what is new in it, but
// for nested modules.
func copyModule(to string) error {
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("git: %w", err)
	}
	nested := map[string]bool{}
	files := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, f := range files {
		if filepath.Base(f) == "go.mod" && filepath.Dir(f) != "." {
			nested[filepath.Dir(f)] = true
		}
	}
	for _, f := range files {
		if inside(f, nested) || filepath.Base(f) == "go.work" || filepath.Base(f) == "go.work.sum" {
			continue
		}
		text, err := os.ReadFile(f)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		at := filepath.Join(to, f)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, text, fs.FileMode(0o644)); err != nil {
			return err
		}
	}
	return nil
}

func inside(file string, dirs map[string]bool) bool {
	for dir := filepath.Dir(file); dir != "."; dir = filepath.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}

// failure is how a world or a story that went wrong is named in go test's
// output.
var failure = regexp.MustCompile(`--- FAIL: TestSeeds/(\S+)`)

// try applies one patch, runs the worlds, and takes the patch back.
func try(ctx context.Context, dir, patch string, seeds int) (verdict string, err error) {
	path, err := filepath.Abs(patch)
	if err != nil {
		return "", err
	}
	if out, err := git(ctx, dir, "apply", "-C1", path); err != nil {
		return "does not apply any more: " + firstLine(out), nil
	}
	defer func() {
		if out, undo := git(context.WithoutCancel(ctx), dir, "apply", "-C1", "-R", path); undo != nil && err == nil {
			err = fmt.Errorf("the patch could not be taken back: %s", firstLine(out))
		}
	}()
	verdict, err = worldsFail(ctx, dir, seeds)
	if verdict == "" && err == nil {
		verdict = fmt.Sprintf("NOT FOUND in %d seeds", seeds)
	}
	return verdict, err
}

// worldsFail builds and runs the worlds of a copy, and answers which failed
// first; empty: none.
func worldsFail(ctx context.Context, dir string, seeds int) (verdict string, err error) {
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", "worlds.test", worlds)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %s", firstLine(string(out)))
	}
	const atOnce = 20
	for first := 1; first <= seeds; first += atOnce {
		// The stories come with the first of them.
		which := "^TestSeeds$/seed"
		if first == 1 {
			which = "^TestSeeds$"
		}
		test := exec.CommandContext(ctx, filepath.Join(dir, "worlds.test"), "-test.run", which, "-first", strconv.Itoa(first),
			"-seeds", strconv.Itoa(min(atOnce, seeds-first+1)), "-twice", "-1")
		out, failed := test.CombinedOutput()
		switch found := failure.FindAllSubmatch(out, -1); {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case failed == nil:
		case len(found) == 0:
			return "", fmt.Errorf("no world failed, but the test did: %s", firstLine(string(out)))
		default:
			return fmt.Sprintf("found by %s and %d others of the seeds up to %d and the stories", found[0][1], len(found)-1, first+atOnce-1), nil
		}
	}
	return "", nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func firstLine(text string) string {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			return line
		}
	}
	return "no output"
}
