// Go: goroutines, files, processes.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
)

func main() {
	var group sync.WaitGroup
	results := make([]int, 100)
	for n := range results {
		group.Add(1)
		go func(n int) { defer group.Done(); results[n] = n * n }(n)
	}
	group.Wait()
	os.WriteFile("written", []byte("by go"), 0o644)
	out, err := exec.Command("sh", "-c", "echo child").Output()
	fmt.Println(results[99], string(out), err)
}
