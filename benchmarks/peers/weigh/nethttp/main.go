// Reports one device by net/http, with a token from elsewhere.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	req, err := http.NewRequest(http.MethodPatch, "https://graph.microsoft.com/v1.0/devices(deviceId='"+os.Getenv("DEVICE")+"')",
		strings.NewReader(`{"isManaged":true,"isCompliant":true}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
}
