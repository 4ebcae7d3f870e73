<?php
// What the tests with a real server share.

use mlbackend_serverless\processor;
use mlbackend_serverless\readiness;
use PHPUnit\Framework\TestCase;

abstract class ServerCase extends TestCase {
    protected const HEAD = "nfeatures,targetclasses,targettype\n2,\"[0,1]\",discrete\n";

    /** @var string */
    protected $uniqueid;

    protected function setUp(): void {
        world::reset();
        readiness::forget();
        $this->uniqueid = sha1(uniqid('', true));
        $this->front([]);
    }

    /** Tell the front which requests fail, and let it forget what it saw. */
    protected function front(array $faults): void {
        $post = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($faults)];
        file_get_contents('http://' . getenv('FRONT') . '/front', false, stream_context_create(['http' => $post]));
    }

    /** The requests that the front saw, of one endpoint or of all. */
    protected function seen(string $endpoint = ''): array {
        $all = json_decode(file_get_contents('http://' . getenv('FRONT') . '/front'), true);
        return array_values(array_filter($all, static function (array $request) use ($endpoint): bool {
            return strpos($request['path'], "/$endpoint") === 0;
        }));
    }

    protected function processor(string $where = 'FRONT', string $password = 'secret'): processor {
        $line = "http://moodle:$password@" . getenv($where);
        set_config('connection', \core\encryption::encrypt($line), 'mlbackend_serverless');
        return new processor();
    }

    protected function folder(string $use = 'execution'): string {
        return get_config('analytics', 'modeloutputdir') . "/7/1700000000/$use";
    }

    protected function file(string $content): stored_file {
        $path = world::folder() . '/dataset.csv';
        file_put_contents($path, $content);
        return new stored_file($path);
    }

    protected function labelled(int $rows = 60): stored_file {
        $content = self::HEAD . "first,second,target\n";
        for ($i = 0; $i < $rows; $i++) {
            $content .= sprintf("%d,%.2f,%d\n", $i % 2 ? 1 : -1, mt_rand(-100, 100) / 100, $i % 2);
        }
        return $this->file($content);
    }

    protected function unlabelled(): stored_file {
        return $this->file(self::HEAD . "sampleid,first,second\n11-0,-1,0.5\n12-0,1,0.5\n");
    }

    protected function predictions(processor $processor): array {
        $result = $processor->classify($this->uniqueid, $this->unlabelled(), $this->folder());
        return array_column($result->predictions, 1, 0);
    }

    protected function failure(callable $work): \moodle_exception {
        try {
            $work();
        } catch (\moodle_exception $e) {
            $this->assertStringNotContainsString('secret', $e->getMessage());
            return $e;
        }
        $this->fail('nothing went wrong');
    }

    protected function train(processor $processor, ?stored_file $file = null): \stdClass {
        return $processor->train_classification($this->uniqueid, $file ?? $this->labelled(), $this->folder());
    }

    protected function evaluate(processor $processor): \stdClass {
        $folder = $this->folder('evaluation/quarters');
        return $processor->evaluate_classification($this->uniqueid, 0.05, 2, $this->labelled(), $folder, '');
    }
}
