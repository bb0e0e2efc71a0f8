package fault

import "testing"

// checkTexts says which of the texts are not taken for what they are.
func checkTexts(t *testing.T, tests map[string]Class) {
	t.Helper()
	for text, want := range tests {
		if v := Classify(Input{Text: text}); v.Class != want {
			t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
		}
	}
}

// What providers and gateways publish as the codes and messages of allowances, loads, accounts and policies.
func TestClassifyDocumentedLimits(t *testing.T) {
	checkTexts(t, map[string]Class{
		`{"error":{"code":"SetLimitExceeded","message":"Your account [x] has reached the set inference limit for the [m-1] model"}}`: QuotaExhausted,
		"ResourceUnavailable.ResourcePackExhausted":                                             QuotaExhausted,
		"exceeded_current_quota_error: you exceeded your current token quota":                   QuotaExhausted,
		"tokens are limited to 1000 per 86400s":                                                 QuotaExhausted,
		"429 You are using a Trial key, which is limited to 20 API calls / minute":              RateLimited,
		"Throttling.BurstRate":                                                                  RateLimited,
		"LimitExceeded: QpsOverFlow":                                                            RateLimited,
		"RequestLimitExceeded.EngineServerLimitExceeded":                                        Overloaded,
		"io.github.resilience4j.bulkhead.BulkheadFullException: Bulkhead 'm' is full":           Overloaded,
		"java.util.concurrent.RejectedExecutionException: task of the pool":                     Overloaded,
		"No more data centers to forward the request to":                                        Overloaded,
		"litellm.ServiceUnavailableError: it is overloaded, rpm: 10, limits: rate limit of key": Overloaded,
		"Your account is currently inactive, check your account information":                    AccountSuspended,
		"Permission denied: Consumer 'api_key:AIzaXXXXXXXXXXXXXXXXXXXXXXXX' has been suspended": AccountSuspended,
		"InputTextSensitiveContentDetected":                                                     ContentFiltered,
		"status_code: 1026, status_msg: input new_sensitive":                                    ContentFiltered,
		"get_channel_failed: group default":                                                     NoHealthyUpstream,
		"upstream connect error or disconnect/reset before headers. reset reason: overflow":     NoHealthyUpstream,
		"rpc error: received message larger than max (5000000 vs. 4194304)":                     ContextOverflow,
	})
}

// What they publish for names, identities, requests and outputs.
func TestClassifyDocumentedRequests(t *testing.T) {
	checkTexts(t, map[string]Class{
		"This Model is marked by provider as Legacy and you have not been actively using it":       ModelNotFound,
		"No matching route: the provider foo is not registered":                                    ModelNotFound,
		"m-9 is not available on your plan":                                                        Auth,
		"AuthFailure.SecretIdNotFound":                                                             Auth,
		"ModelNotOpen: your account has not activated the model m-1":                               Auth,
		"Requests to this API generativelanguage.googleapis.com method google.ai.Chat are blocked": Auth,
		"The model m-2 is blocked at the organization level":                                       Auth,
		"ModelNotReadyException":                                                                   Unavailable,
		"Bad Request: Endpoint is paused, ask a maintainer to restart it":                          Unavailable,
		"rpc error: code = Unimplemented desc = unknown method":                                    BadRequest,
		"Invalid API parameter, please check the documentation":                                    BadRequest,
		"tool call validation failed: attempted to call tool 'x' which was not in request":         InvalidOutput,
		"AI_NoTextGeneratedError: it gave nothing":                                                 InvalidOutput,
		"ZodError: Invalid input: expected string, received undefined":                             InvalidOutput,
		"IncompleteOutputException: The output is incomplete due to a max_tokens length lim":       Truncated,
		"ImportError: No module named foo; run `pip install foo`":                                  ServerError,
	})
}

// What network libraries and engines say when a call is cut, given up or never got through.
func TestClassifyDocumentedNetwork(t *testing.T) {
	checkTexts(t, map[string]Class{
		"Error: Did not receive done or success response in stream.":            Truncated,
		"HttpException: Connection closed while receiving data":                 Truncated,
		"okhttp3.internal.http2.StreamResetException: stream was reset: CANCEL": Cancelled,
		"AxiosError: canceled":                                                                  Cancelled,
		"Error Domain=NSURLErrorDomain Code=-999":                                               Cancelled,
		"HandshakeException: Handshake error in client":                                         Connection,
		"org.apache.http.NoHttpResponseException: api.example.com:443 failed to respond":        Connection,
		`host not found in upstream "llm" in /etc/nginx/conf.d/a.conf:9`:                        Connection,
		"Something went wrong, check your internet connection":                                  Connection,
		"403 Forbidden: check your network settings":                                            Auth,
		"EngineDeadError: EngineCore met an issue. See the stack trace above. Aborted request.": ServerError,
	})
}

// What the JSON readers, HTTP clients and runtimes of other languages say.
func TestClassifyOtherLanguages(t *testing.T) {
	checkTexts(t, map[string]Class{
		"PHP: Call to undefined function App\\ask()":                                           ServerError,
		"Undefined variable $model":                                                            ServerError,
		"type 'Null' is not a subtype of type 'String' in type cast":                           ServerError,
		"called `Option::unwrap()` on a `None` value":                                          ServerError,
		"** (Jason.DecodeError) unexpected byte at position 0: 0x3C":                           InvalidOutput,
		"Swift.DecodingError.keyNotFound: no value associated with key id":                     InvalidOutput,
		"The data couldn't be read because it is missing.":                                     InvalidOutput,
		"kotlinx.serialization.json.internal.JsonDecodingException: Unexpected JSON token":     InvalidOutput,
		"invalid type: null, expected a string at line 1 column 42":                            InvalidOutput,
		"FormatException: Unexpected character (at character 1)":                               InvalidOutput,
		"** (exit) exited in: GenServer.call(Chat, :ask, 5000)\n    ** (EXIT) time out":        Timeout,
		"a connection attempt failed because the party did not properly respond after a while": Timeout,
		"java.nio.channels.UnresolvedAddressException":                                         Connection,
		"The remote name could not be resolved: 'api.example.com'":                             Connection,
		"kotlinx.coroutines.JobCancellationException: StandaloneCoroutine is off":              Cancelled,
		"Finch was unable to provide a connection due to excess queuing for connections":       Overloaded,
		"500: {{- raise_exception('Only two roles') }}":                                        BadRequest,
		"Error in RPC handler: Error: Model is unloaded.":                                      Unavailable,
		"You're out of free messages":                                                          QuotaExhausted,
		"Malformed JSON in response.":                                                          InvalidOutput,
		"Status code: NotFound":                                                                ModelNotFound,
		"400: model m-1 is not accessible via the /chat/completions endpoint":                  ModelNotFound,
		"Error: no default chat model":                                                         ModelNotFound,
	})
}

// What endpoints for embeddings, audio, images, files and sessions say, and what setups tell to see to.
func TestClassifyOtherEndpoints(t *testing.T) {
	checkTexts(t, map[string]Class{
		"400 - Requested 453357 tokens, max 300000 tokens per request":                         ContextOverflow,
		"The max allowed tokens per submitted batch is 120000.":                                ContextOverflow,
		"batch size 100 > maximum allowed batch size 32":                                       ContextOverflow,
		"Maximum content size limit (26214400) exceeded (26288000 bytes read)":                 ContextOverflow,
		"Audio duration 1500 seconds is longer than 1400 seconds":                              ContextOverflow,
		"messages.0: image exceeds 5 MB maximum":                                               ContextOverflow,
		"Too many tokens overall, split into more batches.":                                    ContextOverflow,
		"Audio file is too short. Minimum audio length is 0.1 seconds.":                        BadRequest,
		"could not process file - is it a valid media file?":                                   BadRequest,
		"Thread thread_1 already has an active run run_1.":                                     BadRequest,
		"250 instance(s) is allowed per prediction. Actual: 251":                               BadRequest,
		"No assistant found with id 'asst_1'.":                                                 ModelNotFound,
		"voice_not_found: that voice was not found":                                            ModelNotFound,
		"Enqueued token limit reached for m-1 in this organization. Limit: 90,000":             RateLimited,
		"User is locked. Reason: Exhausted balance.":                                           QuotaExhausted,
		"received 1011 (internal error) keepalive ping timeout":                                Timeout,
		"Your session expired: it hit the maximum duration of 60 minutes.":                     Timeout,
		"Prediction interrupted; please retry (code: PA)":                                      Unavailable,
		"Please set your FOO_API_KEY":                                                          Auth,
		"Make sure that the inference server is running and reachable at http://localhost:1/":  Connection,
		"[INFO] the server is running on http://localhost:8000, 2 voices, 1 assistant, 1 file": None,
	})
}
