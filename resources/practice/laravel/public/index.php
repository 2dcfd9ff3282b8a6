<?php

// What the practice application answers: that it lives, or that it is in maintenance mode; a secret lets a person in.

$down = __DIR__.'/../storage/framework/down';
$path = trim((string) parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH), '/');

if (file_exists($down)) {
    $state = json_decode((string) file_get_contents($down), true);
    $secret = (string) ($state['secret'] ?? '');
    $pass = hash_hmac('sha256', 'maintenance', $secret);
    if ($secret !== '' && hash_equals($secret, $path)) {
        setcookie('laravel_maintenance', $pass, ['httponly' => true, 'path' => '/']);
        http_response_code(302);
        header('Location: /');
        exit;
    }
    if ($secret === '' || ! hash_equals($pass, (string) ($_COOKIE['laravel_maintenance'] ?? ''))) {
        http_response_code($state['status'] ?? 503);
        exit("Service Unavailable\n");
    }
}

header('Content-Type: application/json');
echo json_encode(['status' => 'ok']), "\n";
