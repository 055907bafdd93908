package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs "joinery serve" until the test ends, and returns where.
func serve(t *testing.T) (url string) {
	binary := filepath.Join(t.TempDir(), "joinery.exe")
	out, err := exec.Command("go", "build", "-o", binary, "../../clients/joinery").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(binary, "serve", "--json", "--listen", "127.0.0.1:0", "--space", "notes")
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	stuck := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	require.NoError(t, err)
	var ready struct{ URL string }
	require.NoError(t, json.Unmarshal(line, &ready))
	return ready.URL
}

// browser is a user, who keeps a cookie.
type browser struct {
	*testing.T
	http http.Client
	url  string
}

func (b *browser) ask(method, body string) (status int, n note) {
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+"/notes/42", bytes.NewBufferString(body))
	require.NoError(b, err)
	resp, err := b.http.Do(req)
	require.NoError(b, err)
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		require.NoError(b, json.NewDecoder(resp.Body).Decode(&n))
	}
	return resp.StatusCode, n
}

func (b *browser) show() note {
	status, n := b.ask(http.MethodGet, "")
	require.Equal(b, http.StatusOK, status)
	return n
}

func (b *browser) save(text, context string) {
	body, err := json.Marshal(note{Text: text, Context: context})
	require.NoError(b, err)
	status, _ := b.ask(http.MethodPut, string(body))
	require.Equal(b, http.StatusOK, status)
}

func TestTwoTabsBothKeepTheirText(t *testing.T) {
	nc, err := nats.Connect(serve(t))
	require.NoError(t, err)
	defer nc.Close()
	h, err := newBackend(nc)
	require.NoError(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &browser{T: t, http: http.Client{Jar: jar}, url: srv.URL}
	defer b.http.CloseIdleConnections()

	b.save("buy milk", "")
	left, right := b.show(), b.show()
	require.Equal(t, []string{"buy milk"}, left.Versions)
	b.save("buy milk and bread", left.Context)
	b.save("buy oat milk", right.Context)
	both := b.show()
	require.ElementsMatch(t, []string{"buy milk and bread", "buy oat milk"}, both.Versions)
	b.save("buy oat milk and bread", both.Context)
	require.Equal(t, []string{"buy oat milk and bread"}, b.show().Versions)
	status, _ := b.ask(http.MethodPut, `{"text":"x","context":"nonsense"}`)
	require.Equal(t, http.StatusBadRequest, status)
}
