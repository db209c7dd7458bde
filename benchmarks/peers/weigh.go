package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// weight is what a program of 20 lines that reports one device costs to build,
// to keep and to look after.
type weight struct {
	Program   string
	Build     time.Duration // from an empty cache
	CPU       time.Duration // of the build: other work on the machine changes it less
	MostBytes int64         // memory of the largest compile
	Binary    int64         // bytes
	Modules   int           // linked, its own apart
}

const (
	weighSDK  = "msgraph-sdk-go, azidentity"
	weighOurs = "devicestatus azure/graph, azidentity"
)

var weighed = []struct{ name, folder string }{
	{"devicestatus azure/graph, azure/msal", "devicestatus"},
	{weighOurs, "devicestatus-azidentity"},
	{weighSDK, "msgraph"},
	{"net/http, a token that is there already", "nethttp"},
}

// weigh builds each program once from nothing but the modules' sources, so many
// packages at once; 0: as many as go build does by itself.
func weigh(ctx context.Context, atOnce int) ([]weight, error) {
	var all []weight
	for _, w := range weighed {
		fmt.Fprintf(os.Stderr, "building weigh/%s from nothing\n", w.folder)
		one, err := weighOne(ctx, w.name, w.folder, atOnce)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func weighOne(ctx context.Context, name, folder string, atOnce int) (weight, error) {
	dir, err := os.MkdirTemp("", "peers-weigh")
	if err != nil {
		return weight{}, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, folder)
	args := []string{"build", "-o", binary}
	if atOnce > 0 {
		args = append(args, "-p", strconv.Itoa(atOnce))
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./weigh/"+folder)...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOCACHE="+filepath.Join(dir, "cache"))
	began := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return weight{}, fmt.Errorf("weigh/%s: %w\n%s", folder, err, text)
	}
	w := weight{Program: name, Build: time.Since(began), CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		w.MostBytes = used.Maxrss << 10 // Linux counts kilobytes
	}
	file, err := os.Stat(binary)
	if err != nil {
		return weight{}, err
	}
	w.Binary = file.Size()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return weight{}, err
	}
	w.Modules = len(info.Deps)
	return w, nil
}

func weightTargets(weights []weight) []target {
	byName := map[string]weight{}
	for _, w := range weights {
		byName[w.Program] = w
	}
	mine, ok := byName[weighOurs]
	theirs, too := byName[weighSDK]
	if !ok || !too {
		return nil
	}
	all := []target{
		{What: "CPU of a clean build to " + weighSDK, Bound: 1. / 8, Ratio: figureOf([]float64{mine.CPU.Seconds() / theirs.CPU.Seconds()})},
		{What: "clean build to " + weighSDK, Bound: 1. / 8, Ratio: figureOf([]float64{mine.Build.Seconds() / theirs.Build.Seconds()})},
		{What: "binary to " + weighSDK, Bound: 1. / 4, Ratio: figureOf([]float64{float64(mine.Binary) / float64(theirs.Binary)})},
	}
	for i := range all {
		all[i].judge()
	}
	return all
}

func weightTable(weights []weight) string {
	var b strings.Builder
	b.WriteString("| program | clean build | CPU of it | most memory | binary | modules linked |\n|---|---|---|---|---|---|\n")
	for _, w := range weights {
		fmt.Fprintf(&b, "| %s | %.1f s | %.1f s | %.1f GiB | %.1f MB | %d |\n", w.Program, w.Build.Seconds(), w.CPU.Seconds(), float64(w.MostBytes)/(1<<30), float64(w.Binary)/1e6, w.Modules)
	}
	return b.String()
}
