<?php
// The plugin in cron and on the command line, with a real server.

require_once(__DIR__ . '/ServerCase.php');

class CliTest extends ServerCase {
    public function test_a_server_that_is_down_is_tried_for_minutes() {
        $failure = $this->failure(function () {
            $this->train($this->processor('NOBODY'));
        });
        $this->assertSame([1, 2, 4, 8, 16, 32, 60, 60, 60], world::$pauses);
        $this->assertStringContainsString('tried 10 times', $failure->getMessage());
    }

    public function test_readiness_waits_for_a_server_that_is_starting() {
        $this->front(array_fill(0, 3, ['status' => 502, 'body' => '']));
        $this->assertTrue($this->processor()->is_ready());
        $this->assertSame([1, 2, 4], world::$pauses);
    }

    public function test_what_a_page_could_not_wait_for_is_tried() {
        $key = (new \mlbackend_serverless\connection('http://moodle:secret@' . getenv('FRONT')))->fingerprint();
        cache::make('mlbackend_serverless', 'readiness')->set($key, [time(), 'The server does not answer.']);
        $this->assertTrue($this->processor()->is_ready());
    }
}
