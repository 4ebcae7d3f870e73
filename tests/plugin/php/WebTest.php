<?php
// The plugin on web pages, with a real server.

use mlbackend_serverless\client;
use mlbackend_serverless\connection;
use mlbackend_serverless\readiness;
use mlbackend_serverless\reports;
use mlbackend_serverless\selftest;

require_once(__DIR__ . '/ServerCase.php');

class WebTest extends ServerCase {
    // What Moodle does with a model.

    public function test_it_learns_and_predicts_from_compressed_datasets() {
        $processor = $this->processor();
        $this->assertTrue($processor->is_ready());
        $this->assertSame(0, $this->train($processor)->status);
        $this->assertEquals(['11-0' => '0', '12-0' => '1'], $this->predictions($processor));
        foreach (['training', 'prediction'] as $endpoint) {
            $this->assertTrue($this->seen($endpoint)[0]['gzip']);
        }
    }

    public function test_an_evaluation_leads_to_its_report() {
        $result = $this->evaluate($this->processor());
        $this->assertSame(0, $result->status & 3);
        $this->assertGreaterThan(0.5, $result->score);
        $this->assertFileExists("$result->dir/report.html");
        $page = "https://moodle.example/lib/mlbackend/serverless/report.php?evaluation=7-$result->runid";
        $this->assertSame($page, reports::url_of($result->dir)->out());
        $this->assertStringContainsString("href=\"$page\"", end($result->info));
        $this->assertStringNotContainsString('TensorBoard', implode($result->info));
    }

    public function test_a_model_is_exported_imported_and_deleted() {
        $processor = $this->processor();
        $this->train($processor);
        $exported = $processor->export($this->uniqueid, $this->folder());
        $first = $this->uniqueid;
        $this->uniqueid = sha1($first);
        $this->assertTrue($processor->import($this->uniqueid, $this->folder(), $exported));
        $this->assertEquals(['11-0' => '0', '12-0' => '1'], $this->predictions($processor));
        $report = $this->evaluate($processor)->dir;
        $model = dirname($this->folder(), 2);
        $processor->clear_model($this->uniqueid, dirname($this->folder()));
        $this->assertFileExists("$report/report.html", 'the reports of an older version stay');
        $processor->delete_output_dir($model, $this->uniqueid);
        $this->assertDirectoryDoesNotExist($model);
        $result = $processor->classify($this->uniqueid, $this->unlabelled(), $this->folder());
        $this->assertSame(2, $result->status);
        $this->assertStringContainsString('not been trained', $result->info[0]);
    }

    public function test_ten_megabytes_pass_through_lambda() {
        $lines = [];
        for ($i = 0; $i < 400; $i++) {
            $lines[] = implode(',', array_map(static function () use ($i): string {
                return mt_rand(0, 4) ? '' : number_format(mt_rand(-100, 100) / 100, 2);
            }, range(1, 400))) . ',' . $i % 2 . "\n";
        }
        $names = implode(',', array_map(static function (int $i): string {
            return "indicator$i";
        }, range(1, 400)));
        $content = "nfeatures,targetclasses,targettype\n400,\"[0,1]\",discrete\n$names,target\n" . str_repeat(implode($lines), 33);
        $this->assertGreaterThan(10e6, strlen($content));
        $this->assertSame(0, $this->train($this->processor('LAMBDA'), $this->file($content))->status);
    }

    public function test_its_own_test_passes() {
        $this->processor();
        $steps = iterator_to_array((new selftest(connection::from_settings()))->steps(), false);
        $this->assertSame(['version', 'training', 'prediction', 'deletion'], array_column($steps, 0));
        $this->assertSame(['', '', '', ''], array_column($steps, 1));
    }

    // What goes wrong.

    public function test_a_wrong_password_is_found_before_there_are_data() {
        $processor = $this->processor('FRONT', 'other');
        $this->assertStringContainsString('does not accept the username or the password', $processor->is_ready());
        $failure = $this->failure(function () use ($processor) {
            $this->train($processor);
        });
        $this->assertStringContainsString('paste the whole line again', $failure->getMessage());
        $this->assertCount(1, $this->seen('training'), 'it is not tried again');
        $steps = iterator_to_array((new selftest(connection::from_settings()))->steps(), false);
        $this->assertCount(1, $steps);
        $this->assertStringContainsString('does not accept', $steps[0][1]);
    }

    public function test_without_a_line_it_says_what_to_do() {
        $processor = new \mlbackend_serverless\processor();
        $this->assertStringContainsString('paste the line', $processor->is_ready());
        $failure = $this->failure(function () use ($processor) {
            $this->train($processor);
        });
        $this->assertStringContainsString('paste the line', $failure->getMessage());
    }

    public function test_a_server_that_is_down_is_tried_for_as_long_as_a_page_lasts() {
        $failure = $this->failure(function () {
            $this->train($this->processor('NOBODY'));
        });
        $this->assertStringContainsString('No answer from 127.0.0.1', $failure->getMessage());
        $this->assertStringContainsString('tried 6 times', $failure->getMessage());
        $this->assertSame([1, 2, 4, 8, 16], world::$pauses);
    }

    public function test_busy_twice_then_well_counts_once() {
        $this->front(array_fill(0, 2, ['status' => 503, 'body' => '{"message":"Service Unavailable"}']));
        $processor = $this->processor();
        $this->assertSame(0, $this->train($processor)->status);
        $requests = $this->seen('training');
        $this->assertCount(3, $requests);
        $keys = array_unique(array_column(array_column($requests, 'headers'), 'idempotency-key'));
        $this->assertCount(1, $keys);
        $this->assertMatchesRegularExpression('~^[0-9a-f]{32}$~', $keys[0]);
        $this->assertSame([1, 2], world::$pauses);
        $this->train($processor);
        $this->assertNotSame($keys[0], $this->seen('training')[3]['headers']['idempotency-key']);
    }

    public function test_after_an_answer_that_never_came_the_server_looks_for_the_rows() {
        $processor = $this->processor();
        $file = $this->labelled();
        $this->front(array_fill(0, 6, ['status' => 504, 'lost' => true, 'body' => 'Gateway Timeout']));
        $failure = $this->failure(function () use ($processor, $file) {
            $this->train($processor, $file);
        });
        $this->assertStringContainsString('HTTP status 504: Gateway Timeout', $failure->getMessage());
        $this->assertArrayHasKey('idempotency-key', $this->seen('training')[0]['headers']);
        $this->front([]);
        $this->assertSame(0, $this->train($processor, $file)->status);
        $this->assertArrayNotHasKey('idempotency-key', $this->seen('training')[0]['headers']);
        $this->train($processor);
        $this->assertArrayHasKey('idempotency-key', $this->seen('training')[1]['headers']);
    }

    public function test_the_server_says_how_long_to_wait() {
        $this->front([['status' => 429, 'headers' => ['Retry-After' => '20'], 'body' => 'Too many']]);
        $this->assertSame(0, $this->train($this->processor())->status);
        $this->assertSame([20], world::$pauses);
    }

    public function test_what_a_failed_export_says_is_shown_at_once() {
        $failure = $this->failure(function () {
            $this->processor()->export($this->uniqueid, $this->folder());
        });
        $this->assertStringContainsString('not been trained yet, so there is nothing to export', $failure->getMessage());
        $this->assertSame([], world::$pauses);
    }

    public function test_an_evaluation_whose_report_is_lost_counts_all_the_same() {
        $this->front([['only' => '/evaluationlog', 'status' => 500, 'body' => 'The <b>store</b> is full.']]);
        $result = $this->evaluate($this->processor());
        $this->assertGreaterThan(0.5, $result->score);
        $this->assertStringContainsString('could not be fetched', end($result->info));
        $this->assertStringContainsString('The &lt;b&gt;store&lt;/b&gt; is full.', end($result->info));
        $this->assertNull(reports::url_of($result->dir));
    }

    public function test_markup_from_outside_is_text() {
        $evil = '<img src=x onerror=alert(1)>';
        $answers = [
            'training' => ['status' => 1, 'info' => [], 'errors' => [$evil]],
            'prediction' => ['status' => 1, 'info' => [$evil]],
            'evaluation' => ['status' => 1, 'info' => [$evil, ['a' => $evil]], 'runid' => 1, 'score' => 0.1],
        ];
        foreach ($answers as $endpoint => $answer) {
            $this->front([['only' => "/$endpoint", 'status' => 200, 'body' => json_encode($answer)]]);
            $processor = $this->processor();
            $results = [
                'training' => [$this, 'train'],
                'prediction' => function ($processor) {
                    return $processor->classify($this->uniqueid, $this->unlabelled(), $this->folder());
                },
                'evaluation' => [$this, 'evaluate'],
            ];
            $lines = implode("\n", $results[$endpoint]($processor)->info);
            $this->assertStringContainsString('&lt;img src=x onerror=alert(1)&gt;', $lines, $endpoint);
            $this->assertStringNotContainsString('<img', $lines, $endpoint);
        }
        $this->front([['status' => 500, 'body' => $evil]]);
        $this->assertStringContainsString('&lt;img', $this->processor()->is_ready());
    }

    public function test_no_answer_names_a_folder_of_its_own() {
        $answer = json_encode(['status' => 0, 'info' => [], 'runid' => '../../../../evil', 'score' => 1]);
        $this->front([['only' => '/evaluation', 'status' => 200, 'body' => $answer]]);
        $failure = $this->failure(function () {
            $this->evaluate($this->processor());
        });
        $this->assertStringContainsString('is not a machine learning server', $failure->getMessage());
    }

    public function test_a_page_in_between_is_no_server() {
        $this->front([['status' => 200, 'body' => '<html>Log in to the network</html>']]);
        $this->assertStringContainsString('is not a machine learning server', $this->processor()->is_ready());
        $this->front([['status' => 200, 'body' => '<html>Log in to the network</html>']]);
        $failure = $this->failure(function () {
            $this->train($this->processor());
        });
        $this->assertStringContainsString('is not a machine learning server', $failure->getMessage());
    }

    public function test_a_redirect_takes_no_data_elsewhere() {
        $this->front([['status' => 307, 'headers' => ['Location' => 'http://elsewhere.example/training']]]);
        $failure = $this->failure(function () {
            $this->train($this->processor());
        });
        $this->assertStringContainsString('redirects to http://elsewhere.example/training', $failure->getMessage());
    }

    public function test_every_status_has_a_sentence() {
        $expected = [
            403 => 'refuses the request',
            404 => 'There is no machine learning server at',
            413 => 'although it is compressed',
            500 => 'HTTP status 500: Missing token',
        ];
        foreach ($expected as $status => $words) {
            $this->front([['status' => $status, 'body' => '{"message":"Missing token"}']]);
            $message = $this->failure(function () {
                $this->train($this->processor());
            })->getMessage();
            $this->assertStringContainsString($words, $message);
            $this->assertStringContainsString('Missing token', $message);
        }
    }

    public function test_a_version_that_moodle_does_not_know() {
        $this->front([['status' => 200, 'body' => '4.0.0']]);
        $this->assertStringContainsString('version 4.0.0', $this->processor()->is_ready());
    }

    // Readiness.

    public function test_readiness_is_kept_for_a_minute() {
        foreach (['secret', 'other'] as $password) {
            $this->front([]);
            readiness::forget();
            $processor = $this->processor('FRONT', $password);
            $answer = $processor->is_ready();
            $this->assertSame($answer, $processor->is_ready());
            $this->assertSame($answer, $this->processor('FRONT', $password)->is_ready());
            $this->assertCount(2, $this->seen(), 'the version, and what takes a password');
            world::$slept += readiness::KEPT + 1;
            world::$caches = []; // Moodle's cache forgets after its ttl.
            $processor->is_ready();
            $this->assertCount(4, $this->seen());
        }
    }

    public function test_another_page_knows_what_one_found_out() {
        $this->front([['status' => 503, 'body' => 'busy']]);
        $answer = $this->processor()->is_ready();
        $this->assertStringContainsString('HTTP status 503: busy', $answer);
        $this->forget_the_process();
        $this->assertSame($answer, $this->processor()->is_ready());
        $this->assertCount(1, $this->seen(), 'a page does not try again');
    }

    public function test_a_server_that_never_answers_ends_the_wait() {
        $this->front([['hang' => true]]);
        $this->processor();
        $failure = $this->failure(function () {
            (new client(connection::from_settings(), 0, 1))->get('version');
        });
        $this->assertStringContainsString('No answer from 127.0.0.1', $failure->getMessage());
    }

    // Reports.

    public function test_only_what_lies_below_the_models_is_a_report() {
        $base = get_config('analytics', 'modeloutputdir');
        $inside = "$base/7/17/evaluation/quarters/logs/42";
        $outside = world::folder() . '/7/17/evaluation/quarters/logs/42';
        foreach ([$inside, $outside] as $folder) {
            mkdir($folder, 0777, true);
            $this->assertNull(reports::url_of($folder), 'there is no report yet');
            file_put_contents("$folder/report.html", 'report');
        }
        $this->assertStringEndsWith('?evaluation=7-42', reports::url_of($inside)->out());
        $this->assertNull(reports::url_of($outside));
        $this->assertNull(reports::url_of(''));
        symlink($outside, dirname($inside) . '/43');
        $this->assertNull(reports::url_of(dirname($inside) . '/43'));
    }

    private function forget_the_process(): void {
        $answers = new \ReflectionProperty(readiness::class, 'answers');
        $answers->setAccessible(true);
        $answers->setValue(null, []);
    }
}
