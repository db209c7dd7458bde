// Command snippets builds and runs every Go program that a Markdown file
// shows, as a module outside this checkout would: each fenced block of Go that
// begins a package main. A block followed by a fenced block of text is expected
// to print that text.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

func main() {
	failed := false
	programs := 0
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "snippets:", err)
			os.Exit(2)
		}
		blocks := fence.FindAllStringSubmatch(string(text), -1)
		for i, block := range blocks {
			if block[1] != "go" || !strings.HasPrefix(strings.TrimSpace(block[2]), "package main") {
				continue
			}
			programs++
			want := ""
			if i+1 < len(blocks) && blocks[i+1][1] == "text" {
				want = blocks[i+1][2]
			}
			if err := try(block[2], want); err != nil {
				fmt.Fprintf(os.Stderr, "snippets: %s, program %d: %v\n", file, programs, err)
				failed = true
			}
		}
	}
	if programs == 0 {
		fmt.Fprintln(os.Stderr, "snippets: no program found")
		failed = true
	}
	if failed {
		os.Exit(1)
	}
	fmt.Printf("snippets: %d programs build and run\n", programs)
}

func try(source, want string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "snippet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	mod := "module snippet\n\ngo 1.26.0\n\nrequire github.com/mdmkit/devicestatus v0.0.0\n\nreplace github.com/mdmkit/devicestatus => " + root + "\n"
	for name, text := range map[string]string{"main.go": source, "go.mod": mod, "go.sum": string(sums)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if out, err := gotool(dir, "mod", "tidy"); err != nil {
		return fmt.Errorf("go mod tidy: %w\n%s", err, out)
	}
	if out, err := gotool(dir, "vet", "."); err != nil {
		return fmt.Errorf("go vet: %w\n%s", err, out)
	}
	out, err := gotool(dir, "run", ".")
	if err != nil {
		return fmt.Errorf("go run: %w\n%s", err, out)
	}
	if got := string(out); want != "" && strings.TrimSpace(got) != strings.TrimSpace(want) {
		return fmt.Errorf("it prints\n%sand the file says\n%s", got, want)
	}
	return nil
}

func gotool(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}
